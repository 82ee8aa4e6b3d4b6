import { ClientError } from '../../../src/core/errors.ts'

/** A server that is away is waited for so long: it may be being started anew. */
const UNREACHABLE_TIMEOUT_MS = 30_000
const RETRY_INTERVAL_MS = 500

/** What time it is, in milliseconds, and waiting; tests have their own. */
export interface Timing {
  now: () => number
  sleep: (ms: number) => Promise<void>
}

export const realTiming: Timing = { now: () => performance.now(), sleep: ms => Bun.sleep(ms) }

/**
 * Asks until there is an answer.
 * @param request does nothing twice when it is asked again
 * @param onUnreachable is told each time that the server is not there
 * @throws ClientError when the server refuses, or is away for 30 seconds
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
