import { type Address, type Connection, openConnection } from './connection.ts'
import { timed } from './statistics.ts'

/** Durations of many requests in ms, and how many completed per second. */
export interface RateResult {
  perSecond: number
  times: number[]
}

/** Processes all items, each by the first idle worker. */
export async function measureWork<Item, Worker>(
  items: Item[],
  workers: Worker[],
  work: (item: Item, worker: Worker) => Promise<void>,
): Promise<RateResult> {
  const pendingItems = items.toReversed()
  const times: number[] = []
  const runWorker = async (worker: Worker) => {
    for (let item = pendingItems.pop(); item !== undefined; item = pendingItems.pop()) {
      const currentItem = item
      times.push(await timed(() => work(currentItem, worker)))
    }
  }
  const ms = await timed(() => Promise.all(workers.map(runWorker)))
  return { perSecond: (items.length / ms) * 1000, times }
}

/** Repeats a request for some seconds, back to back on each connection. */
export async function measureRequests(
  seconds: number,
  address: Address | { unix: string },
  request: Buffer,
  connectionCount: number,
): Promise<RateResult> {
  using pool = await openConnections(address, connectionCount)
  const times: number[] = []
  const end = performance.now() + seconds * 1000
  const requestRepeatedly = async (connection: Connection) => {
    while (performance.now() < end) times.push(await timed(() => sendExpectingOk(connection, request)))
  }
  const ms = await timed(() => Promise.all(pool.connections.map(requestRepeatedly)))
  return { perSecond: (times.length / ms) * 1000, times }
}

export async function openConnections(address: Address | { unix: string }, count: number) {
  const connections = await Promise.all(Array.from({ length: count }, () => openConnection(address)))
  return {
    connections,
    [Symbol.dispose]() {
      for (const connection of connections) connection[Symbol.dispose]()
    },
  }
}

/** @throws Error for any status other than 200 */
export async function sendExpectingOk(connection: Connection, request: Buffer) {
  const response = await connection.send(request)
  if (response.status !== 200)
    throw new Error(`${request.toString().split('\r\n')[0]}: ${response.status} ${response.text()}`)
  return response
}
