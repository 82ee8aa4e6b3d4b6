import type { Address, Connection } from './connection.ts'
import { openConnections, succeed } from './pace.ts'

export interface Asked {
  /** `performance.now()` when it was asked. */
  at: number
  /** Milliseconds. */
  took: number
}

/** The same request again and again on a few connections, on each at most so often. */
export async function askPaced(
  address: Address,
  request: Buffer,
  pace: { connections: number; everyMs: number; end: number },
): Promise<Asked[]> {
  using connections = await openConnections(address, pace.connections)
  const asked: Asked[] = []
  const askOn = async (connection: Connection) => {
    // Not all at the same moment.
    let due = performance.now() + Math.random() * pace.everyMs
    while (due < pace.end) {
      await Bun.sleep(Math.max(0, due - performance.now()))
      const at = performance.now()
      await succeed(connection, request)
      asked.push({ at, took: performance.now() - at })
      due = Math.max(due + pace.everyMs, performance.now())
    }
  }
  await Promise.all(connections.all.map(askOn))
  return asked
}
