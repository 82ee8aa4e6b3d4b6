import { t } from 'elysia'
import { SAMPLE_INTERVAL_SECONDS } from './sample.ts'

const time = t.String({ description: 'ISO 8601, UTC' })
const cpu = t.Number({ description: 'Cores: 1.5 is one and a half' })
const memory = t.Integer({ description: 'Bytes, without reclaimable cache' })
const memory_limit = t.Integer({ description: 'Bytes: the droplet’s limit, or the memory of the host' })
const rate = t.Integer({ description: 'Bytes per second' })
const interval = t.Literal(SAMPLE_INTERVAL_SECONDS, { description: 'Seconds between samples' })

export const sampleBody = t.Object({
  time,
  cpu,
  memory,
  memory_limit,
  network_in: rate,
  network_out: rate,
  disk_read: rate,
  disk_written: rate,
  processes: t.Integer({ description: 'Processes and threads' }),
})

export const statsBody = t.Object({
  droplet: t.String(),
  interval,
  samples: t.Array(sampleBody, { description: 'Last hour, oldest first; none while the droplet was stopped' }),
})

/** The event `history`. */
export const historyBody = t.Object({
  interval,
  droplets: t.Record(t.String(), t.Array(t.Object({ time, cpu, memory }), { maxItems: 30 })),
})

/** The event `stats`: current usage by droplet name. */
export const statsSnapshotBody = t.Object({
  time,
  droplets: t.Record(t.String(), t.Object({ cpu, memory, memory_limit })),
})

export type StatsBody = typeof statsBody.static
export type StatsSnapshotBody = typeof statsSnapshotBody.static
export type SampleBody = typeof sampleBody.static
