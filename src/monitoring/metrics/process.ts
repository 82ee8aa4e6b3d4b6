import { readdirSync, readFileSync } from 'node:fs'
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import { createIntervals } from '../../core/intervals.ts'

const SAMPLE_INTERVAL_MS = 100
/** Seconds. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]

/** The process, under the names that Prometheus clients use for every program. */
export function registerProcessMetrics(registers: Registry[]): void {
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'CPU time of this process, user and system.',
    registers,
    collect() {
      const { user, system } = process.cpuUsage()
      this.reset()
      this.inc((user + system) / 1e6)
    },
  })
  new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Resident memory of this process.',
    registers,
    collect() {
      this.set(process.memoryUsage.rss())
    },
  })
  new Gauge({
    name: 'process_open_fds',
    help: 'Open files and sockets.',
    registers,
    collect() {
      this.set(readdirSync('/proc/self/fd').length)
    },
  })
  new Gauge({
    name: 'process_max_fds',
    help: 'Limit of open files and sockets.',
    registers,
  }).set(maxOpenFiles())
  new Gauge({
    name: 'process_start_time_seconds',
    help: 'Start time of this process, in seconds since 1970.',
    registers,
  }).set(Math.round(Date.now() / 1000 - process.uptime()))
}

/** The event loop delay: how long requests had to wait. Sampled between `start` and `stop`. */
export function createEventLoopMetrics(registers: Registry[]) {
  const delay = new Histogram({
    name: 'cikit_api_event_loop_delay_seconds',
    help: 'Delay of a timer that fires ten times a second: how long requests had to wait.',
    buckets: BUCKETS,
    registers,
  })
  let expectedAt = 0
  const sample = () => {
    const now = performance.now()
    delay.observe(Math.max(0, now - expectedAt) / 1000)
    expectedAt = now + SAMPLE_INTERVAL_MS
  }
  const intervals = createIntervals({ run: sample, everyMs: SAMPLE_INTERVAL_MS })

  return {
    start(): void {
      expectedAt = performance.now() + SAMPLE_INTERVAL_MS
      intervals.start()
    },

    stop: intervals.stop,
  }
}

/** The soft limit (proc(5), `/proc/self/limits`); `unlimited` is infinite. */
function maxOpenFiles(): number {
  const [, softLimit = ''] = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
  return softLimit === 'unlimited' ? Number.POSITIVE_INFINITY : Number(softLimit)
}
