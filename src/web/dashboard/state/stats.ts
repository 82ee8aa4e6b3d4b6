import { type Signal, signal } from '@preact/signals'
import { consumeEventStream } from '../api/event-stream.ts'

// Live resource usage of the droplets, streamed while a visible page needs it.

/** The length of the history that the server sends first. */
const MAX_POINTS = 60

export interface Point {
  /** Milliseconds since 1970. */
  timestamp: number
  /** Cores. */
  cpu: number
  /** Bytes. */
  memory: number
}

interface StatsHistory {
  droplets: Record<string, { time: string; cpu: number; memory: number }[]>
}
interface StatsSnapshot {
  time: string
  droplets: Record<string, { cpu: number; memory: number; memory_limit: number }>
}

/** By droplet name, oldest first. One signal each, so that a new sample re-renders only its own droplet. */
const pointsByDroplet = new Map<string, Signal<readonly Point[]>>()
let subscription: { subscribers: number; controller: AbortController } | undefined

export function pointsOf(name: string): Signal<readonly Point[]> {
  const existing = pointsByDroplet.get(name)
  if (existing) return existing
  const created = signal<readonly Point[]>([])
  pointsByDroplet.set(name, created)
  return created
}

/**
 * Streams usage as long as there is at least one subscriber.
 * @returns unsubscribes
 */
export function subscribeToStats(): () => void {
  subscription ??= { subscribers: 0, controller: streamWhileVisible() }
  const current = subscription
  current.subscribers += 1
  return () => {
    current.subscribers -= 1
    if (current.subscribers > 0) return
    current.controller.abort()
    if (subscription === current) subscription = undefined
    pointsByDroplet.clear()
  }
}

/**
 * Streams only while the tab is visible: without HTTP/2 a browser has six connections per server for all tabs together,
 * and each tab needs one for the events.
 */
function streamWhileVisible(): AbortController {
  const controller = new AbortController()
  let activeStream: AbortController | undefined
  const updateStream = () => {
    if (document.visibilityState === 'visible') activeStream ??= openStream()
    else {
      activeStream?.abort()
      activeStream = undefined
    }
  }
  document.addEventListener('visibilitychange', updateStream, { signal: controller.signal })
  controller.signal.addEventListener('abort', () => activeStream?.abort(), { once: true })
  updateStream()
  return controller
}

function openStream(): AbortController {
  const controller = new AbortController()
  void consumeEventStream('/droplet/stats', {
    signal: controller.signal,
    onEvent: (name, data) => {
      if (name === 'history') onHistory(data as StatsHistory)
      if (name === 'stats') onSnapshot(data as StatsSnapshot)
    },
    onStateChange: () => undefined,
  })
  return controller
}

function onHistory({ droplets }: StatsHistory): void {
  for (const [name, samples] of Object.entries(droplets)) {
    pointsOf(name).value = samples.map(({ time, cpu, memory }) => ({ timestamp: Date.parse(time), cpu, memory }))
  }
}

function onSnapshot({ time, droplets }: StatsSnapshot): void {
  const timestamp = Date.parse(time)
  for (const [name, series] of pointsByDroplet) {
    const usage = droplets[name]
    // A stopped droplet starts with an empty history.
    if (!usage && series.peek().length > 0) series.value = []
  }
  for (const [name, { cpu, memory }] of Object.entries(droplets)) {
    const series = pointsOf(name)
    series.value = [...series.peek(), { timestamp, cpu, memory }].slice(-MAX_POINTS)
  }
}
