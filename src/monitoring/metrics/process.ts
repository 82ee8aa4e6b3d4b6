import { readdirSync, readFileSync } from 'node:fs'
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

const SAMPLE_INTERVAL_MS = 100
/** Seconds. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]

/** This process, by the names that all programs have for it, and its event loop. @returns ends it */
export function registerProcessMetrics(registers: Registry[]): () => void {
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'Time that this process was computing, in user and system mode.',
    registers,
    collect() {
      const { user, system } = process.cpuUsage()
      this.reset()
      this.inc((user + system) / 1e6)
    },
  })
  new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Memory of this process.',
    registers,
    collect() {
      this.set(process.memoryUsage.rss())
    },
  })
  new Gauge({
    name: 'process_open_fds',
    help: 'Files and sockets that are open.',
    registers,
    collect() {
      this.set(readdirSync('/proc/self/fd').length)
    },
  })
  new Gauge({
    name: 'process_max_fds',
    help: 'As many of them as there may be.',
    registers,
  }).set(maxOpenFiles())
  new Gauge({
    name: 'process_start_time_seconds',
    help: 'When this process was started, in seconds since 1970.',
    registers,
  }).set(Math.round(Date.now() / 1000 - process.uptime()))
  const delay = new Histogram({
    name: 'cikit_api_event_loop_delay_seconds',
    help: 'How late a timer is, ten times a second: for so long nobody was served.',
    buckets: BUCKETS,
    registers,
  })
  let expectedAt = performance.now() + SAMPLE_INTERVAL_MS
  const timer = setInterval(() => {
    const now = performance.now()
    delay.observe(Math.max(0, now - expectedAt) / 1000)
    expectedAt = now + SAMPLE_INTERVAL_MS
  }, SAMPLE_INTERVAL_MS)
  timer.unref()
  return () => clearInterval(timer)
}

/** The soft limit (proc(5), `/proc/self/limits`); `unlimited` is infinite. */
function maxOpenFiles(): number {
  const [, softLimit = ''] = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
  return softLimit === 'unlimited' ? Number.POSITIVE_INFINITY : Number(softLimit)
}
