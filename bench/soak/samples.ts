import { readdirSync } from 'node:fs'
import type { Matrix } from '../../tests/_support/e2e/matrix.ts'
import { residentMegabytes } from '../process.ts'

export interface Sample {
  /** `performance.now()`. */
  at: number
  /** Resident memory in MB. */
  memory: number
  /** Open descriptors. */
  descriptors: number
}

/** What the process holds at this moment. */
export function takeSample(matrix: Matrix): Sample {
  const descriptors = readdirSync(`/proc/${matrix.process.pid}/fd`).length
  return { at: performance.now(), memory: residentMegabytes(matrix), descriptors }
}

/** The means of the first and the last third of the time, and by how much the last is above the first (0.05 is 5%). */
export function compareThirds(samples: Sample[], what: 'memory' | 'descriptors') {
  const begins = samples[0]?.at ?? 0
  const third = ((samples.at(-1)?.at ?? 0) - begins) / 3
  const first = mean(samples.filter(({ at }) => at - begins <= third).map(sample => sample[what]))
  const last = mean(samples.filter(({ at }) => at - begins >= 2 * third).map(sample => sample[what]))
  return { first, last, growth: last / first - 1 }
}

function mean(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
