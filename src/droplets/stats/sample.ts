import type { Usage } from '../engine.ts'

/** Interval of the stored samples. */
export const SAMPLE_INTERVAL_SECONDS = 10

/** Rates since the previous sample, and current values. */
export interface Sample {
  /** Milliseconds since 1970. */
  at: number
  /** Cores: 1.5 is one and a half. */
  cpu: number
  /** Bytes. */
  memory: number
  memoryLimit: number
  /** Bytes per second. */
  networkIn: number
  networkOut: number
  diskRead: number
  diskWritten: number
  processes: number
}

/** @param at the time of the sample, milliseconds since 1970 */
export function toSample(at: number, previous: Usage, usage: Usage): Sample {
  const seconds = (usage.at - previous.at) / 1000
  // Counters drop when a network is removed.
  const rate = (counterOf: (usage: Usage) => number) =>
    seconds > 0 ? Math.max(counterOf(usage) - counterOf(previous), 0) / seconds : 0
  return {
    at,
    cpu: rate(({ cpuSeconds }) => cpuSeconds),
    memory: usage.memory,
    memoryLimit: usage.memoryLimit,
    networkIn: rate(({ networkIn }) => networkIn),
    networkOut: rate(({ networkOut }) => networkOut),
    diskRead: rate(({ diskRead }) => diskRead),
    diskWritten: rate(({ diskWritten }) => diskWritten),
    processes: usage.processes,
  }
}
