import type { Address, Connection } from './connection.ts'
import { openConnections, sendExpectingOk } from './request-rate.ts'

export interface TimedRequest {
  /** `performance.now()` when it was asked. */
  startedAt: number
  /** Milliseconds. */
  durationMs: number
}

/** The same request again and again on a few connections, on each at most so often. */
export async function sendAtFixedRate(
  address: Address,
  request: Buffer,
  options: { connections: number; everyMs: number; end: number },
): Promise<TimedRequest[]> {
  using pool = await openConnections(address, options.connections)
  const requests: TimedRequest[] = []
  const sendRepeatedly = async (connection: Connection) => {
    // Not all at the same moment.
    let due = performance.now() + Math.random() * options.everyMs
    while (due < options.end) {
      await Bun.sleep(Math.max(0, due - performance.now()))
      const startedAt = performance.now()
      await sendExpectingOk(connection, request)
      requests.push({ startedAt, durationMs: performance.now() - startedAt })
      due = Math.max(due + options.everyMs, performance.now())
    }
  }
  await Promise.all(pool.connections.map(sendRepeatedly))
  return requests
}
