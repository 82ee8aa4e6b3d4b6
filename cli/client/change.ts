import { ClientError } from '../../src/errors.ts'
import { escapeText } from '../../src/log.ts'
import type { OperationBody } from '../../src/operations/model.ts'
import { askPatiently, isUnreachable, realTiming, type Timing } from './patience.ts'
import { ConnectionLost } from './server.ts'

/** A request whose answer got lost is made again for so long. */
const ASK_AGAIN_MS = 10_000
/** `show` waits a second by itself; a server that is about to stop does not. */
const PACE_MS = 500

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
  let brokeAt: number | undefined
  for (let pause = 250; ; pause = Math.min(pause * 2, 2000)) {
    try {
      return toOperation(await send(headers))
    } catch (error) {
      // What never reached the server was not begun: that is told at once.
      if (brokeAt === undefined && !(error instanceof ConnectionLost)) throw error
      if (!isUnreachable(error)) throw error
      brokeAt ??= now()
      if (now() - brokeAt + pause > ASK_AGAIN_MS) throw mayHaveBegun(error)
      await sleep(pause)
    }
  }
}

/**
 * Follows an operation to its end, whatever that is.
 * @param show asks for it, waiting a second for its end
 * @param tell is told of it after every answer; undefined while the server is away
 * @throws ClientError when the server refuses, or is away for 30 seconds
 */
export async function followOperation(
  show: () => Promise<OperationBody>,
  tell: (operation: OperationBody | undefined) => void,
  timing: Timing = realTiming,
): Promise<OperationBody> {
  for (;;) {
    const askedAt = timing.now()
    const operation = await askPatiently(show, () => tell(undefined), timing)
    tell(operation)
    if (operation.ended_at !== null) return operation
    await timing.sleep(Math.max(0, PACE_MS - (timing.now() - askedAt)))
  }
}

/** @throws ClientError in the server's words for one that did not come to its end */
export function refuseUnlessDone({ state, error }: OperationBody): void {
  if (state === 'done') return
  throw new ClientError('refused', error ? escapeText(error.error) : 'The operation was cancelled')
}

function toOperation(answered: unknown): OperationBody {
  if (typeof answered === 'object' && answered !== null && 'state' in answered) return answered as OperationBody
  throw new ClientError('refused', 'The server waited for the end of the change: it knows no operations')
}

function mayHaveBegun(error: ClientError): ClientError {
  const message = `${error.message}; the change may have begun: see cikit-api operation ls`
  return new ClientError('unreachable', message, { cause: error })
}
