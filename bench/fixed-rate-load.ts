import type { Address, Connection } from './connection.ts'
import { openConnections, sendExpectingOk } from './request-rate.ts'

export interface TimedRequest {
  /** In terms of `performance.now()`. */
  startedAt: number
  durationMs: number
}

/** Repeats a request on some connections, on each at most once per `everyMs`, until `end`. */
export async function sendAtFixedRate(
  address: Address,
  request: Buffer,
  options: { connections: number; everyMs: number; end: number },
): Promise<TimedRequest[]> {
  using pool = await openConnections(address, options.connections)
  const requests: TimedRequest[] = []
  const sendRepeatedly = async (connection: Connection) => {
    // Spreads the connections over the interval.
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
