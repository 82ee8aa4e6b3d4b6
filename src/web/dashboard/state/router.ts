import { computed, signal } from '@preact/signals'

// Routes live in the URL fragment, which browsers do not send to the server.

const hash = signal(location.hash)
addEventListener('hashchange', () => {
  hash.value = location.hash
})

/** The decoded segments of `#/droplet/cikit01/logs`. */
export const currentPath = computed(() => hash.value.replace(/^#\/?/, '').split('/').filter(Boolean).map(decodeSegment))

export function hrefTo(...segments: string[]): string {
  return `#/${segments.map(encodeURIComponent).join('/')}`
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
