import { computed, signal } from '@preact/signals'

// Where in the dashboard the person is: behind the `#`, which browsers send to nobody.

const hash = signal(location.hash)
addEventListener('hashchange', () => {
  hash.value = location.hash
})

/** The parts of `#/droplet/cikit01/logs`, decoded. */
export const currentPath = computed(() => parseHash(hash.value))

export function parseHash(fragment: string): string[] {
  return fragment.replace(/^#\/?/, '').split('/').filter(Boolean).map(decodeSegment)
}

/** @returns an address for a link */
export function hrefTo(...segments: string[]): string {
  return `#/${segments.map(encodeURIComponent).join('/')}`
}

export function navigate(...segments: string[]): void {
  location.hash = hrefTo(...segments)
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
