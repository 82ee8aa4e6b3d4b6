import { escapeText } from '../../../src/core/log.ts'
import type { SampleBody, StatsBody, StatsSnapshotBody } from '../../../src/droplets/stats/schema.ts'
import { toTable } from '../../shared/table.ts'

const KIB = 1024
const MIB = 1024 * KIB
const GIB = 1024 * MIB

/** Current usage: one line per droplet, by name. */
export function toSnapshotText({ droplets }: StatsSnapshotBody): string {
  const rows = Object.entries(droplets)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { cpu, memory, memory_limit }]) => [
      escapeText(name),
      toPercent(cpu),
      toBytes(memory),
      toBytes(memory_limit),
    ])
  return toTable([['NAME', 'CPU', 'MEMORY', 'LIMIT'], ...rows])
}

/** The last hour of one droplet: the newest sample, and the range. */
export function toStatsText({ droplet, samples }: StatsBody): string {
  const newest = samples.at(-1)
  if (!newest) return `${escapeText(droplet)}: no data for the last hour; a stopped droplet has none\n`
  const row = (label: string, select: (sample: SampleBody) => number, format: (value: number) => string) => {
    const values = samples.map(select)
    const average = values.reduce((sum, value) => sum + value, 0) / values.length
    return [label, ...[select(newest), Math.min(...values), average, Math.max(...values)].map(format)]
  }
  return toTable([
    [escapeText(droplet).toUpperCase(), 'NOW', 'MINIMUM', 'AVERAGE', 'PEAK'],
    row('cpu', ({ cpu }) => cpu, toPercent),
    row('memory', ({ memory }) => memory, toBytes),
    row('network in', ({ network_in }) => network_in, toRate),
    row('network out', ({ network_out }) => network_out, toRate),
    row('disk read', ({ disk_read }) => disk_read, toRate),
    row('disk written', ({ disk_written }) => disk_written, toRate),
    row('processes', ({ processes }) => processes, toCount),
    ['memory limit', toBytes(newest.memory_limit), '', '', ''],
    ['measured', escapeText(newest.time), '', '', ''],
  ])
}

/** 150% is one and a half cores. */
function toPercent(cores: number): string {
  return `${(cores * 100).toFixed(1)}%`
}

function toBytes(bytes: number): string {
  return bytes < GIB ? `${(bytes / MIB).toFixed(1)} MiB` : `${(bytes / GIB).toFixed(2)} GiB`
}

function toRate(bytes: number): string {
  if (bytes < KIB) return `${Math.round(bytes)} B/s`
  return bytes < MIB ? `${(bytes / KIB).toFixed(1)} KiB/s` : `${(bytes / MIB).toFixed(1)} MiB/s`
}

function toCount(count: number): string {
  return String(Math.round(count))
}
