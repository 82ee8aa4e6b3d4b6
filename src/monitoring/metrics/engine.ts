import { Histogram, type Registry } from 'prom-client'
import type { EngineCall } from '../../droplets/engine.ts'

/** Seconds: queries take milliseconds, a stop ten seconds, a build minutes. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30, 60]

export function createEngineMetrics(registers: Registry[]) {
  const duration = new Histogram({
    name: 'cikit_api_engine_call_duration_seconds',
    help: 'Duration of requests to the engine, by kind and result: ok, refused (an error response) or failed (no valid response).',
    labelNames: ['call', 'result'],
    buckets: BUCKETS,
    registers,
  })
  return {
    observe: ({ kind, result, ms }: EngineCall): void => duration.observe({ call: kind, result }, ms / 1000),
  }
}
