/** Returned by `withTimeout` when the time ran out first. */
export const timedOut = Symbol('timed out')

/**
 * Waits for `work`, but no longer than `milliseconds`. The work itself is not cancelled: abort it where that is possible.
 * A later failure of it is not reported as an unhandled rejection.
 * @returns the result of `work`, or `timedOut`
 * @throws what `work` throws within that time
 */
export async function withTimeout<T>(work: Promise<T>, milliseconds: number): Promise<T | typeof timedOut> {
  const { promise, resolve } = Promise.withResolvers<typeof timedOut>()
  const timer = setTimeout(resolve, milliseconds, timedOut)
  try {
    return await Promise.race([work, promise])
  } finally {
    clearTimeout(timer)
  }
}
