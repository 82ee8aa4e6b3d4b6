import { ClientError } from '../../src/errors.ts'

/** A server that is away is waited for so long: it may be being started anew. */
const AWAY_MS = 30_000
const ASK_EVERY_MS = 500

/** What time it is, in milliseconds, and waiting; tests have their own. */
export interface Timing {
  now: () => number
  sleep: (ms: number) => Promise<void>
}

export const realTiming: Timing = { now: () => performance.now(), sleep: ms => Bun.sleep(ms) }

/**
 * Asks until there is an answer.
 * @param ask does nothing twice when it is asked again
 * @param away is told each time that the server is not there
 * @throws ClientError when the server refuses, or is away for 30 seconds
 */
export async function askPatiently<T>(ask: () => Promise<T>, away: () => void, { now, sleep }: Timing): Promise<T> {
  let awaySince: number | undefined
  for (;;) {
    const askedAt = now()
    try {
      return await ask()
    } catch (error) {
      awaySince ??= askedAt
      if (!isUnreachable(error) || now() - awaySince >= AWAY_MS) throw error
      away()
      await sleep(ASK_EVERY_MS)
    }
  }
}

export function isUnreachable(error: unknown): error is ClientError {
  return error instanceof ClientError && error.kind === 'unreachable'
}
