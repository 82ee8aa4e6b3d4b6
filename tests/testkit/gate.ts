import { timedOut, withTimeout } from '../../src/core/timeout.ts'

const TIMEOUT_MS = 10_000

/**
 * Blocks a call until it is opened.
 * @param maxBlockMs after this long a blocked call fails, so that a gate that is never opened cannot hang the test
 */
export function createGate(maxBlockMs = TIMEOUT_MS) {
  const entered = Promise.withResolvers<void>()
  const opened = Promise.withResolvers<void>()
  return {
    /** Resolves when the call has arrived. @throws Error after 10 seconds */
    async entered(): Promise<void> {
      await limited(entered.promise, TIMEOUT_MS, 'No call reached the gate')
    },
    open: opened.resolve,
    async pass(): Promise<void> {
      entered.resolve()
      await limited(opened.promise, maxBlockMs, 'The gate was not opened')
    },
  }
}

async function limited(work: Promise<void>, timeoutMs: number, message: string): Promise<void> {
  if ((await withTimeout(work, timeoutMs)) === timedOut) throw new Error(`${message} within ${timeoutMs} ms`)
}
