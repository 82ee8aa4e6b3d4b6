import { quantile } from '../statistics.ts'

export type Tally = ReturnType<typeof createTally>

/** Collects response times by kind of request, and unexpected outcomes. */
export function createTally() {
  const times = new Map<string, number[]>()
  const problems = new Map<string, number>()

  return {
    recordTime(kind: string, ms: number): void {
      const kindTimes = times.get(kind)
      if (kindTimes) kindTimes.push(ms)
      else times.set(kind, [ms])
    },

    /** Counts equal problems together: one defect may appear a thousand times. */
    recordProblem: (text: string): void => void problems.set(text, (problems.get(text) ?? 0) + 1),

    /** Sorted by kind. */
    rows: () =>
      [...times]
        .toSorted(([left], [right]) => left.localeCompare(right))
        .map(([kind, ms]) => ({ kind, count: ms.length, p50: quantile(ms, 0.5), p99: quantile(ms, 0.99) })),

    problems: (): [text: string, count: number][] => [...problems],
  }
}
