import { ClientError } from '../../../src/core/errors.ts'
import { escapeText } from '../../../src/core/log.ts'
import type { OperationBody } from '../../../src/droplets/operations/schema.ts'
import { ConnectionLostError } from './api-client.ts'
import { isUnreachable, realTiming, retryWhileUnreachable, type Timing } from './retry.ts'

/** A request whose answer got lost is made again for so long. */
const RETRY_TIMEOUT_MS = 10_000
/** `show` waits a second by itself; a server that is about to stop does not. */
const MIN_POLL_INTERVAL_MS = 500

/**
 * Asks for a change without waiting for its end: RFC 7240 `Prefer`, and a key of its own, by which the server knows it
 * when it is asked again after a connection that broke.
 * @throws ClientError
 */
export async function requestChange(
  send: (headers: Record<string, string>) => Promise<unknown>,
  { now, sleep }: Timing = realTiming,
): Promise<OperationBody> {
  const headers = { prefer: 'respond-async', 'idempotency-key': crypto.randomUUID() }
  let connectionLostAt: number | undefined
  for (let delay = 250; ; delay = Math.min(delay * 2, 2000)) {
    try {
      return toOperation(await send(headers))
    } catch (error) {
      // What never reached the server was not begun: that is told at once.
      if (connectionLostAt === undefined && !(error instanceof ConnectionLostError)) throw error
      if (!isUnreachable(error)) throw error
      connectionLostAt ??= now()
      if (now() - connectionLostAt + delay > RETRY_TIMEOUT_MS) throw mayHaveStartedError(error)
      await sleep(delay)
    }
  }
}

/**
 * Follows an operation to its end, whatever that is.
 * @param show asks for it, waiting a second for its end
 * @param onUpdate is told of it after every answer; undefined while the server is away
 * @throws ClientError when the server refuses, or is away for 30 seconds
 */
export async function waitForOperation(
  show: () => Promise<OperationBody>,
  onUpdate: (operation: OperationBody | undefined) => void,
  timing: Timing = realTiming,
): Promise<OperationBody> {
  for (;;) {
    const requestedAt = timing.now()
    const operation = await retryWhileUnreachable(show, () => onUpdate(undefined), timing)
    onUpdate(operation)
    if (operation.ended_at !== null) return operation
    await timing.sleep(Math.max(0, MIN_POLL_INTERVAL_MS - (timing.now() - requestedAt)))
  }
}

/** @throws ClientError in the server's words for one that did not come to its end */
export function requireDone({ state, error }: OperationBody): void {
  if (state === 'done') return
  throw new ClientError('refused', error ? escapeText(error.error) : 'The operation was cancelled')
}

function toOperation(body: unknown): OperationBody {
  if (typeof body === 'object' && body !== null && 'state' in body) return body as OperationBody
  throw new ClientError('refused', 'The server waited for the end of the change: it knows no operations')
}

function mayHaveStartedError(error: ClientError): ClientError {
  const message = `${error.message}; the change may have begun: see cikit-api operation ls`
  return new ClientError('unreachable', message, { cause: error })
}
