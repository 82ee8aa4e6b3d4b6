export type Queue = ReturnType<typeof createQueue>

/**
 * Runs pieces of work of one key one after another, in the order in which they came; different keys do not wait
 * for each other.
 */
export function createQueue() {
  const tails = new Map<string, Promise<void>>()

  return {
    run<T>(key: string, work: () => Promise<T>): Promise<T> {
      const previous = tails.get(key) ?? Promise.resolve()
      const current = previous.then(work)
      // The tail never fails: a failed piece of work is its caller's matter, not its successor's.
      const tail: Promise<void> = current.then(ignore, ignore).then(() => {
        if (tails.get(key) === tail) tails.delete(key)
      })
      tails.set(key, tail)
      return current
    },

    /** Resolves when all that was queued until now has ended, well or not. */
    idle: async (): Promise<void> => void (await Promise.all(tails.values())),
  }
}

function ignore(): void {}
