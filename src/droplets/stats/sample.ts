import type { Usage } from '../engine.ts'

/** Between two samples that are kept. */
export const SAMPLE_INTERVAL_SECONDS = 10

/** What a droplet used: on an average since the sample before, or at that moment. */
export interface Sample {
  /** Milliseconds since 1970. */
  at: number
  /** Cores: 1.5 is one and a half of them. */
  cpu: number
  /** Bytes. */
  memory: number
  memoryLimit: number
  /** Bytes a second. */
  networkIn: number
  networkOut: number
  diskRead: number
  diskWritten: number
  processes: number
}

/** What was used between two moments, of which the later one is called `at`. */
export function toSample(at: number, previous: Usage, usage: Usage): Sample {
  const seconds = (usage.at - previous.at) / 1000
  // A network that is gone takes with it what it has counted.
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
