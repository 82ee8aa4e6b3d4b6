import { type Address, type Connection, openConnection } from './connection.ts'
import { timed } from './statistics.ts'

/** How long each of many pieces of work took, in ms, and how many there were in a second. */
export interface Pace {
  perSecond: number
  times: number[]
}

/** All items, each by the first worker that is free. */
export async function pace<Item, Worker>(
  items: Item[],
  workers: Worker[],
  work: (item: Item, worker: Worker) => Promise<void>,
): Promise<Pace> {
  const waiting = items.toReversed()
  const times: number[] = []
  const workOn = async (worker: Worker) => {
    for (let item = waiting.pop(); item !== undefined; item = waiting.pop()) {
      const present = item
      times.push(await timed(() => work(present, worker)))
    }
  }
  const ms = await timed(() => Promise.all(workers.map(workOn)))
  return { perSecond: (items.length / ms) * 1000, times }
}

/** The same request for so long, on so many connections that each ask again as soon as they have their answer. */
export async function askFor(
  seconds: number,
  address: Address | { unix: string },
  request: Buffer,
  atOnce: number,
): Promise<Pace> {
  using connections = await openConnections(address, atOnce)
  const times: number[] = []
  const end = performance.now() + seconds * 1000
  const askOn = async (connection: Connection) => {
    while (performance.now() < end) times.push(await timed(() => succeed(connection, request)))
  }
  const ms = await timed(() => Promise.all(connections.all.map(askOn)))
  return { perSecond: (times.length / ms) * 1000, times }
}

export async function openConnections(address: Address | { unix: string }, count: number) {
  const all = await Promise.all(Array.from({ length: count }, () => openConnection(address)))
  return {
    all,
    [Symbol.dispose]() {
      for (const connection of all) connection[Symbol.dispose]()
    },
  }
}

/** @throws Error for every other answer than 200 */
export async function succeed(connection: Connection, request: Buffer) {
  const answer = await connection.ask(request)
  if (answer.status !== 200)
    throw new Error(`${request.toString().split('\r\n')[0]}: ${answer.status} ${answer.text()}`)
  return answer
}
