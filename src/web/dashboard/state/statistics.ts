import { type Signal, signal } from '@preact/signals'
import { follow } from '../api/follow.ts'

// What the droplets use, while somebody looks at them.

/** As many as the server tells of to begin with, and what comes after that. */
const KEPT = 60

export interface Point {
  /** Milliseconds since 1970. */
  at: number
  /** Cores. */
  cpu: number
  /** Bytes. */
  memory: number
}

interface History {
  droplets: Record<string, { time: string; cpu: number; memory: number }[]>
}
interface Moment {
  time: string
  droplets: Record<string, { cpu: number; memory: number; memory_limit: number }>
}

/** By the name of a droplet, oldest first. A signal for each: what one uses concerns no other. */
const points = new Map<string, Signal<readonly Point[]>>()
let following: { readers: number; end: AbortController } | undefined

export function pointsOf(name: string): Signal<readonly Point[]> {
  const known = points.get(name)
  if (known) return known
  const made = signal<readonly Point[]>([])
  points.set(name, made)
  return made
}

/**
 * Follows what is used for as long as anybody on the page wants it.
 * @returns ends it
 */
export function followStatistics(): () => void {
  following ??= { readers: 0, end: begin() }
  const mine = following
  mine.readers += 1
  return () => {
    mine.readers -= 1
    if (mine.readers > 0) return
    mine.end.abort()
    if (following === mine) following = undefined
    points.clear()
  }
}

/**
 * While the tab is looked at: without HTTP/2 a browser has six connections to a server, for all tabs together, and each
 * tab needs one for the events.
 */
function begin(): AbortController {
  const end = new AbortController()
  let present: AbortController | undefined
  const look = () => {
    if (document.visibilityState === 'visible') present ??= open()
    else {
      present?.abort()
      present = undefined
    }
  }
  document.addEventListener('visibilitychange', look, { signal: end.signal })
  end.signal.addEventListener('abort', () => present?.abort(), { once: true })
  look()
  return end
}

function open(): AbortController {
  const end = new AbortController()
  void follow('/droplet/stats', {
    signal: end.signal,
    event: (name, data) => {
      if (name === 'history') hearHistory(data as History)
      if (name === 'stats') hearMoment(data as Moment)
    },
    state: () => undefined,
  })
  return end
}

function hearHistory({ droplets }: History): void {
  for (const [name, samples] of Object.entries(droplets)) {
    pointsOf(name).value = samples.map(({ time, cpu, memory }) => ({ at: Date.parse(time), cpu, memory }))
  }
}

function hearMoment({ time, droplets }: Moment): void {
  const at = Date.parse(time)
  for (const [name, of] of points) {
    const now = droplets[name]
    // One that was stopped begins anew.
    if (!now) of.value = of.peek().length > 0 ? [] : of.peek()
  }
  for (const [name, { cpu, memory }] of Object.entries(droplets)) {
    const of = pointsOf(name)
    of.value = [...of.peek(), { at, cpu, memory }].slice(-KEPT)
  }
}
