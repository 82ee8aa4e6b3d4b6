import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { OperationView } from '../../droplets/operations/runner.ts'

/** Seconds: from a start to a pull of a large image. */
const BUCKETS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60, 120, 300, 600]
const KINDS: OperationView['kind'][] = ['add', 'start', 'stop', 'restart', 'delete']
const OPEN = ['queued', 'running'] as const
const ENDED = ['done', 'failed', 'cancelled'] as const

export interface OperationMetricSources {
  operations: { watch: (listener: (operation: OperationView) => void) => () => void }
}

/** Changes of droplets: those that ended, and those that have not. @returns ends it */
export function registerOperationMetrics(
  registers: Registry[],
  sources: OperationMetricSources & { now: () => number },
): () => void {
  const { operations, now } = sources
  const open = new Map<string, OperationView>()
  const ended = new Counter({
    name: 'cikit_api_operations_total',
    help: 'Operations that ended, by kind and by how: done, failed or cancelled.',
    labelNames: ['kind', 'state'],
    registers,
  })
  for (const kind of KINDS) for (const state of ENDED) ended.inc({ kind, state }, 0)
  const duration = new Histogram({
    name: 'cikit_api_operation_duration_seconds',
    help: 'From being asked for to the end of an operation, by kind.',
    labelNames: ['kind'],
    buckets: BUCKETS,
    registers,
  })
  new Gauge({
    name: 'cikit_api_operations_open',
    help: 'Operations that have not ended, by state: queued or running.',
    labelNames: ['state'],
    registers,
    collect() {
      for (const state of OPEN) this.set({ state }, inState(state).length)
    },
  })
  new Gauge({
    name: 'cikit_api_operation_oldest_seconds',
    help: 'For how long the oldest operation is waiting (queued) or being carried out (running); 0 when there is none.',
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
    // Of what is over nothing is heard but its end, and that once.
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
