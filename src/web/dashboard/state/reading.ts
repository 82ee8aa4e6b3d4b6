import { type ReadonlySignal, signal } from '@preact/signals'
import { wordsFor } from '../api/http.ts'

/** Something that is read from the server when it is asked for, and anew at any time. */
export interface Reading<T> {
  /** Undefined until it is there. */
  value: ReadonlySignal<T | undefined>
  problem: ReadonlySignal<string | undefined>
  read: () => Promise<void>
  /** What an answer to something else told. */
  put: (value: T) => void
}

/** Of two readings that overlap the later one counts. */
export function createReading<T>(ask: () => Promise<T>): Reading<T> {
  const value = signal<T | undefined>(undefined)
  const problem = signal<string | undefined>(undefined)
  let last = 0
  return {
    value,
    problem,
    async read() {
      last += 1
      const mine = last
      try {
        const found = await ask()
        if (mine !== last) return
        value.value = found
        problem.value = undefined
      } catch (error) {
        if (mine === last) problem.value = wordsFor(error)
      }
    },
    put(told) {
      last += 1
      value.value = told
      problem.value = undefined
    },
  }
}
