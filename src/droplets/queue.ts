export type Queue = ReturnType<typeof createQueue>

/**
 * Runs work of the same key one after another, in order of arrival. Different keys run independently.
 */
export function createQueue() {
  const tails = new Map<string, Promise<void>>()

  return {
    run<T>(key: string, work: () => Promise<T>): Promise<T> {
      const previous = tails.get(key) ?? Promise.resolve()
      const current = previous.then(work)
      // The tail never rejects: a failure concerns the caller, not the next in the queue.
      const tail: Promise<void> = current.then(ignore, ignore).then(() => {
        if (tails.get(key) === tail) tails.delete(key)
      })
      tails.set(key, tail)
      return current
    },

    /** Resolves when all work queued so far has ended, successfully or not. */
    idle: async (): Promise<void> => void (await Promise.all(tails.values())),
  }
}

function ignore(): void {}
