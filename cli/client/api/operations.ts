import { ClientError } from '../../../src/core/errors.ts'
import { escapeText } from '../../../src/core/log.ts'
import type { OperationBody } from '../../../src/droplets/operations/schema.ts'
import { ConnectionLostError } from './api-client.ts'
import { isUnreachable, realTiming, retryWhileUnreachable, type Timing } from './retry.ts'

/** For this long, a request whose response was lost is repeated. */
const RETRY_TIMEOUT_MS = 10_000
/** The server holds `show` for a second, except while it is stopping. */
const MIN_POLL_INTERVAL_MS = 500

/**
 * Starts an operation without waiting for its end (RFC 7240 `Prefer`). An idempotency key makes it safe to repeat the
 * request after a lost connection.
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
      // A request that never reached the server is not repeated.
      if (connectionLostAt === undefined && !(error instanceof ConnectionLostError)) throw error
      if (!isUnreachable(error)) throw error
      connectionLostAt ??= now()
      if (now() - connectionLostAt + delay > RETRY_TIMEOUT_MS) throw mayHaveStartedError(error)
      await sleep(delay)
    }
  }
}

/**
 * Waits for an operation to finish, successfully or not.
 * @param show requests it; the server waits up to a second for its end
 * @param onUpdate receives it after every response, and undefined while the server is unreachable
 * @throws ClientError if the server rejects the request, or is unreachable for 30 seconds
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

/** @throws ClientError with the server's text if the operation did not succeed */
export function requireDone({ state, error }: OperationBody): void {
  if (state === 'done') return
  throw new ClientError('refused', error ? escapeText(error.error) : 'The operation was cancelled')
}

function toOperation(body: unknown): OperationBody {
  if (typeof body === 'object' && body !== null && 'state' in body) return body as OperationBody
  throw new ClientError('refused', 'The server does not support operations: it is too old for this client')
}

function mayHaveStartedError(error: ClientError): ClientError {
  const message = `${error.message}; the operation may have started: see cikit-api operation ls`
  return new ClientError('unreachable', message, { cause: error })
}
