import type { Usage } from '../../droplets/engine.ts'
import { asRecord, parseTime, unexpected } from './json-shape.ts'

/** `GET /containers/ID/stats`; undefined for a stopped container, for which Docker reports no readings. */
export function parseUsage(response: unknown): Usage | undefined {
  const { read, cpu_stats, memory_stats, networks, blkio_stats, pids_stats } = asRecord(response)
  const at = parseTime(read)
  const { usage, limit, stats } = asRecord(memory_stats ?? {})
  if (at === undefined || usage === undefined) return undefined
  // Like `docker stats`, without inactive cache, which the kernel can reclaim (cgroup v2, then v1).
  const { inactive_file, total_inactive_file } = asRecord(stats ?? {})
  const [networkIn, networkOut] = ['rx_bytes', 'tx_bytes'].map(name =>
    sum(Object.values(asRecord(networks ?? {})).map(network => asRecord(network)[name])),
  )
  const transfers = asRecord(blkio_stats ?? {}).io_service_bytes_recursive
  const [diskRead, diskWritten] = ['read', 'write'].map(direction =>
    sum(
      (Array.isArray(transfers) ? transfers : [])
        .map(asRecord)
        .flatMap(({ op, value }) => (isOp(op, direction) ? [value] : [])),
    ),
  )
  return {
    at,
    cpuSeconds: asCount(asRecord(asRecord(cpu_stats).cpu_usage).total_usage) / 1e9,
    memory: Math.max(asCount(usage) - asCount(total_inactive_file ?? inactive_file ?? 0), 0),
    memoryLimit: asCount(limit ?? 0),
    networkIn: networkIn ?? 0,
    networkOut: networkOut ?? 0,
    diskRead: diskRead ?? 0,
    diskWritten: diskWritten ?? 0,
    processes: asCount(asRecord(pids_stats ?? {}).current ?? 0),
  }
}

/** cgroup v1 has `Read`, v2 `read`. */
function isOp(op: unknown, direction: string): boolean {
  return typeof op === 'string' && op.toLowerCase() === direction
}

function sum(counts: unknown[]): number {
  return counts.map(asCount).reduce((left, right) => left + right, 0)
}

/** An unsigned 64-bit kernel counter; large values lose precision here. */
function asCount(value: unknown): number {
  if (typeof value !== 'number' || !(value >= 0)) throw unexpected('an invalid counter')
  return value
}
