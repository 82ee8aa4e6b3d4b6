import { SAMPLE_INTERVAL_SECONDS, type Sample } from './sample.ts'
import type { historyBody, SampleBody, StatsBody, statsSnapshotBody } from './schema.ts'

export function toStatsBody(droplet: string, samples: readonly Sample[]): StatsBody {
  return { droplet, interval: SAMPLE_INTERVAL_SECONDS, samples: samples.map(toSampleBody) }
}

function toSampleBody(sample: Sample): SampleBody {
  return {
    time: toIsoTime(sample),
    cpu: roundCores(sample),
    memory: sample.memory,
    memory_limit: sample.memoryLimit,
    network_in: Math.round(sample.networkIn),
    network_out: Math.round(sample.networkOut),
    disk_read: Math.round(sample.diskRead),
    disk_written: Math.round(sample.diskWritten),
    processes: sample.processes,
  }
}

export function toHistoryBody(samples: ReadonlyMap<string, readonly Sample[]>): typeof historyBody.static {
  const droplets = [...samples].map(([name, dropletSamples]) => [
    name,
    dropletSamples.map(sample => ({ time: toIsoTime(sample), cpu: roundCores(sample), memory: sample.memory })),
  ])
  return { interval: SAMPLE_INTERVAL_SECONDS, droplets: Object.fromEntries(droplets) }
}

export function toStatsSnapshot(at: number, samples: ReadonlyMap<string, Sample>): typeof statsSnapshotBody.static {
  const droplets = [...samples].map(([name, sample]) => [
    name,
    { cpu: roundCores(sample), memory: sample.memory, memory_limit: sample.memoryLimit },
  ])
  return { time: toIsoTime({ at }), droplets: Object.fromEntries(droplets) }
}

function toIsoTime({ at }: Pick<Sample, 'at'>): string {
  return new Date(at).toISOString()
}

/** To three decimals. */
function roundCores({ cpu: cores }: Sample): number {
  return Math.round(cores * 1000) / 1000
}
