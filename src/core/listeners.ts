import { describeError, type Log } from './log.ts'

/**
 * Listeners of one kind of event. A listener that throws does not keep the others from being notified.
 * @param failureMessage logged with the error of a listener
 */
export function createListeners<T>(log: Pick<Log, 'error'>, failureMessage: string) {
  const listeners = new Set<(event: T) => void>()

  return {
    /** @returns removes the listener */
    add(listener: (event: T) => void): () => void {
      // Wrapped, so that one function can be added twice.
      const ownListener = (event: T) => listener(event)
      listeners.add(ownListener)
      return () => void listeners.delete(ownListener)
    },

    notify(event: T): void {
      for (const listener of listeners) {
        try {
          listener(event)
        } catch (error) {
          log.error(failureMessage, { error: describeError(error) })
        }
      }
    },
  }
}
