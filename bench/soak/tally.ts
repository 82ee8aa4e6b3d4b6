import { quantile } from '../statistics.ts'

export type Tally = ReturnType<typeof createTally>

/** What was asked and how long it took, and what was answered that should not have been. */
export function createTally() {
  const times = new Map<string, number[]>()
  const problems = new Map<string, number>()

  return {
    recordTime(kind: string, ms: number): void {
      const kindTimes = times.get(kind)
      if (kindTimes) kindTimes.push(ms)
      else times.set(kind, [ms])
    },

    /** Equal ones are counted together: one defect may show itself a thousand times. */
    recordProblem: (text: string): void => void problems.set(text, (problems.get(text) ?? 0) + 1),

    /** By kind, in the order of their names. */
    rows: () =>
      [...times]
        .toSorted(([left], [right]) => left.localeCompare(right))
        .map(([kind, ms]) => ({ kind, count: ms.length, p50: quantile(ms, 0.5), p99: quantile(ms, 0.99) })),

    problems: (): [text: string, count: number][] => [...problems],
  }
}
