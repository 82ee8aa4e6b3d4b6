import type { NewDroplet } from './engine.ts'

/** 443NN must stay a port, and the host's nginx matches two digits: there is no cikit100. */
const MAX_NUMBER = 99

/** The only validator of droplet names: `cikit07` yields 7, an invalid name undefined. */
export function numberOf(name: string, prefix: string): number | undefined {
  if (!name.startsWith(prefix)) return undefined
  const digits = name.slice(prefix.length)
  return /^(0[1-9]|[1-9][0-9])$/.test(digits) ? Number(digits) : undefined
}

export function nameOf(number: number, prefix: string): string {
  return `${prefix}${twoDigits(number)}`
}

/**
 * The numbers a new droplet may get, in order of preference: those above the highest in use, then the free ones below
 * from the lowest.
 */
export function candidateNumbers(inUse: ReadonlySet<number>): number[] {
  const highest = Math.max(0, ...inUse)
  const above = range(highest + 1, MAX_NUMBER)
  const below = range(1, highest).filter(number => !inUse.has(number))
  return [...above, ...below]
}

/** SSH on every address of the host, the web ports on loopback, where the host's nginx finds them. */
export function portsOf(number: number): NewDroplet['ports'] {
  const bind = (host: string, dropletPort: number) => ({
    host,
    hostPort: Number(`${dropletPort}${twoDigits(number)}`),
    dropletPort,
  })
  return [bind('0.0.0.0', 22), bind('127.0.0.1', 80), bind('127.0.0.1', 443)]
}

function twoDigits(number: number): string {
  return String(number).padStart(2, '0')
}

function range(first: number, last: number): number[] {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index)
}
