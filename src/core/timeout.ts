/** Returned by `withTimeout` when the time ran out first. */
export const timedOut = Symbol('timed out')

/**
 * Waits for `work`, but no longer than `milliseconds`, and only until `signal` is aborted. The work itself is not
 * cancelled: abort it where that is possible. A later failure of it is not reported as an unhandled rejection.
 * @returns the result of `work`, or `timedOut`
 * @throws what `work` throws within that time
 */
export async function withTimeout<T>(
  work: Promise<T>,
  milliseconds: number,
  signal?: AbortSignal,
): Promise<T | typeof timedOut> {
  const { promise, resolve } = Promise.withResolvers<typeof timedOut>()
  const giveUp = () => resolve(timedOut)
  const timer = setTimeout(giveUp, milliseconds)
  signal?.addEventListener('abort', giveUp, { once: true })
  if (signal?.aborted) giveUp()
  try {
    return await Promise.race([work, promise])
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', giveUp)
  }
}
