import { readdirSync } from 'node:fs'
import type { ServerProcess } from '../../tests/testkit/e2e/server-process.ts'
import { residentMegabytes } from '../process.ts'

export interface Sample {
  /** `performance.now()`. */
  time: number
  /** Resident memory in MB. */
  memory: number
  /** Open file descriptors. */
  descriptors: number
}

export function takeSample(server: ServerProcess): Sample {
  const descriptors = readdirSync(`/proc/${server.process.pid}/fd`).length
  return { time: performance.now(), memory: residentMegabytes(server), descriptors }
}

/** The means of the first and the last third of the time, and the growth between them (0.05 is 5%). */
export function compareThirds(samples: Sample[], field: 'memory' | 'descriptors') {
  const firstTime = samples[0]?.time ?? 0
  const thirdMs = ((samples.at(-1)?.time ?? 0) - firstTime) / 3
  const first = mean(samples.filter(({ time }) => time - firstTime <= thirdMs).map(sample => sample[field]))
  const last = mean(samples.filter(({ time }) => time - firstTime >= 2 * thirdMs).map(sample => sample[field]))
  return { first, last, growth: last / first - 1 }
}

function mean(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
