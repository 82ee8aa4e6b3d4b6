import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { OperationView } from '../../droplets/operations/entry.ts'

/** Seconds: from a start to a pull of a large image. */
const BUCKETS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60, 120, 300, 600]
const KINDS: OperationView['kind'][] = ['add', 'start', 'stop', 'restart', 'delete']
const OPEN = ['queued', 'running'] as const
const ENDED = ['done', 'failed', 'cancelled'] as const

export interface OperationMetricSources {
  operations: { watch: (listener: (operation: OperationView) => void) => () => void }
}

/** @returns unsubscribes */
export function registerOperationMetrics(
  registers: Registry[],
  sources: OperationMetricSources & { now: () => number },
): () => void {
  const { operations, now } = sources
  const open = new Map<string, OperationView>()
  const ended = new Counter({
    name: 'cikit_api_operations_total',
    help: 'Ended operations, by kind and final state: done, failed or cancelled.',
    labelNames: ['kind', 'state'],
    registers,
  })
  for (const kind of KINDS) for (const state of ENDED) ended.inc({ kind, state }, 0)
  const duration = new Histogram({
    name: 'cikit_api_operation_duration_seconds',
    help: 'Time from the request to the end of an operation, by kind.',
    labelNames: ['kind'],
    buckets: BUCKETS,
    registers,
  })
  new Gauge({
    name: 'cikit_api_operations_open',
    help: 'Unfinished operations, by state: queued or running.',
    labelNames: ['state'],
    registers,
    collect() {
      for (const state of OPEN) this.set({ state }, inState(state).length)
    },
  })
  new Gauge({
    name: 'cikit_api_operation_oldest_seconds',
    help: 'Age of the oldest queued operation and run time of the longest running one; 0 without any.',
    labelNames: ['state'],
    registers,
    collect() {
      const startTimes = { queued: inState('queued').map(queuedSince), running: inState('running').map(startedSince) }
      for (const state of OPEN) this.set({ state }, Math.max(0, now() - Math.min(now(), ...startTimes[state])) / 1000)
    },
  })

  return operations.watch(operation => {
    const { id, kind, state, createdAt, endedAt } = operation
    if (endedAt === null) return void open.set(id, operation)
    // The end is reported exactly once.
    open.delete(id)
    ended.inc({ kind, state })
    duration.observe({ kind }, (endedAt - createdAt) / 1000)
  })

  function inState(expectedState: (typeof OPEN)[number]): OperationView[] {
    return [...open.values()].filter(({ state }) => state === expectedState)
  }
}

const queuedSince = ({ createdAt }: OperationView) => createdAt
const startedSince = ({ createdAt, startedAt }: OperationView) => startedAt ?? createdAt
