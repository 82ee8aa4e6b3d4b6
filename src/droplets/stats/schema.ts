import { t } from 'elysia'
import { SAMPLE_INTERVAL_SECONDS } from './sample.ts'

const time = t.String({ description: 'ISO 8601, UTC' })
const cpu = t.Number({ description: 'Cores: 1.5 is one and a half of them' })
const memory = t.Integer({ description: 'Bytes, without the cache that is there for the taking' })
const memory_limit = t.Integer({ description: 'Bytes: its own limit, or what the host has' })
const rate = t.Integer({ description: 'Bytes a second' })
const interval = t.Literal(SAMPLE_INTERVAL_SECONDS, { description: 'Seconds from one sample to the next' })

export const sampleBody = t.Object({
  time,
  cpu,
  memory,
  memory_limit,
  network_in: rate,
  network_out: rate,
  disk_read: rate,
  disk_written: rate,
  processes: t.Integer({ description: 'And threads' }),
})

/** What one droplet used in the last hour. */
export const statsBody = t.Object({
  droplet: t.String(),
  interval,
  samples: t.Array(sampleBody, { description: 'Of the last hour, oldest first; none while the droplet was stopped' }),
})

/** The event `history`: what the curves begin with. */
export const historyBody = t.Object({
  interval,
  droplets: t.Record(t.String(), t.Array(t.Object({ time, cpu, memory }), { maxItems: 30 })),
})

/** The event `stats`: how it is now, by the names of the droplets that run. */
export const statsSnapshotBody = t.Object({
  time,
  droplets: t.Record(t.String(), t.Object({ cpu, memory, memory_limit })),
})

export type StatsBody = typeof statsBody.static
export type StatsSnapshotBody = typeof statsSnapshotBody.static
export type SampleBody = typeof sampleBody.static
