import { computed, signal } from '@preact/signals'

// Where in the dashboard the person is: behind the `#`, which browsers send to nobody.

const hash = signal(location.hash)
addEventListener('hashchange', () => {
  hash.value = location.hash
})

/** The parts of `#/droplet/cikit01/logs`, decoded. */
export const place = computed(() => partsOf(hash.value))

export function partsOf(text: string): string[] {
  return text.replace(/^#\/?/, '').split('/').filter(Boolean).map(decode)
}

/** @returns an address for a link */
export function to(...parts: string[]): string {
  return `#/${parts.map(encodeURIComponent).join('/')}`
}

export function go(...parts: string[]): void {
  location.hash = to(...parts)
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
