import { ClientError } from '../../../src/core/errors.ts'

/** Long enough for a restart of the server. */
const UNREACHABLE_TIMEOUT_MS = 30_000
const RETRY_INTERVAL_MS = 500

/** Clock and sleep, in milliseconds; tests replace them. */
export interface Timing {
  now: () => number
  sleep: (ms: number) => Promise<void>
}

export const realTiming: Timing = { now: () => performance.now(), sleep: ms => Bun.sleep(ms) }

/**
 * Repeats a request until the server answers.
 * @param request must be idempotent
 * @param onUnreachable is called for every attempt that does not reach the server
 * @throws ClientError if the server rejects the request, or is unreachable for 30 seconds
 */
export async function retryWhileUnreachable<T>(
  request: () => Promise<T>,
  onUnreachable: () => void,
  { now, sleep }: Timing,
): Promise<T> {
  let unreachableSince: number | undefined
  for (;;) {
    const requestedAt = now()
    try {
      return await request()
    } catch (error) {
      unreachableSince ??= requestedAt
      if (!isUnreachable(error) || now() - unreachableSince >= UNREACHABLE_TIMEOUT_MS) throw error
      onUnreachable()
      await sleep(RETRY_INTERVAL_MS)
    }
  }
}

export function isUnreachable(error: unknown): error is ClientError {
  return error instanceof ClientError && error.kind === 'unreachable'
}
