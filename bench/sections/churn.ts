import type { ServerProcess } from '../../tests/testkit/e2e/server-process.ts'
import { startBareServer } from '../bare-servers.ts'
import { addressOf, requestOf } from '../connection.ts'
import { setDropletCount } from '../droplet-load.ts'
import { sendAtFixedRate, type TimedRequest } from '../fixed-rate-load.ts'
import { formatMs } from '../format.ts'
import type { MeasureSection } from '../section.ts'
import { startServer } from '../server.ts'
import { median, quantile } from '../statistics.ts'

const DROPLETS = 90
const MINUTES = 5
const CHANGE_INTERVAL_MS = 2_000
const CONNECTIONS = 4
const REQUEST_INTERVAL_MS = 40
const WINDOW_MS = 30_000
const P99_LIMIT_MS = 10

/**
 * The list while droplets are added and deleted. A bare server that sends the same bytes shows the machine's own
 * latency.
 */
export const measureChurn: MeasureSection = async context => {
  const engine = await context.engine()
  await using server = await startServer({ socket: engine.socket })
  const token = await server.logInAs('owner')
  const droplets = await setDropletCount(engine, server, token, DROPLETS)
  await using bareServer = await startBareServer(JSON.stringify(droplets))
  const { address, path } = addressOf(server.url)
  const end = performance.now() + MINUTES * 60_000
  const options = { connections: CONNECTIONS, everyMs: REQUEST_INTERVAL_MS, end }
  const [changeCount, ours, bare] = await Promise.all([
    addAndDelete(server, token, end),
    sendAtFixedRate(address, requestOf('GET', `${path}/droplet/list`, { token }), options),
    sendAtFixedRate(addressOf(bareServer.url).address, requestOf('GET', '/'), options),
  ])
  const windows = windowsOf(ours).map((window, index) => ({ ours: window, bare: windowsOf(bare)[index] ?? [] }))
  const worstP99 = Math.max(...windows.map(window => quantile(window.ours, 0.99)))
  const toRow = (name: string, ...timeSeries: number[][]) => [
    name,
    ...timeSeries.flatMap(times => [formatMs(median(times)), formatMs(quantile(times, 0.99))]),
  ]
  return {
    verdicts: [
      {
        description: `GET /droplet/list, ${DROPLETS} droplets, during ${changeCount} adds and ${changeCount} deletes in ${MINUTES} minutes`,
        target: `p99 at most ${P99_LIMIT_MS} ms in every half minute`,
        measured: `worst of ${windows.length}: ${formatMs(worstP99)}`,
        isMet: worstP99 <= P99_LIMIT_MS,
      },
    ],
    tables: [
      {
        caption: `An add and a delete every ${CHANGE_INTERVAL_MS / 1000} s, with ${(CONNECTIONS * 1000) / REQUEST_INTERVAL_MS} list requests a second on ${CONNECTIONS} connections; a bare Bun.serve sends the same bytes at the same rate and shows the machine's own latency`,
        columns: ['', 'ours, p50', 'p99', 'bare, p50', 'p99'],
        rows: [
          ...windows.map((window, index) =>
            toRow(`to ${((index + 1) * WINDOW_MS) / 1000} s`, window.ours, window.bare),
          ),
          toRow('total', windowsOf(ours).flat(), windowsOf(bare).flat()),
        ],
      },
    ],
  }
}

/** Repeatedly adds a droplet while it deletes the oldest one. @returns the number of rounds */
async function addAndDelete(server: ServerProcess, token: string, end: number): Promise<number> {
  let count = 0
  for (let due = performance.now(); due < end; due = Math.max(due + CHANGE_INTERVAL_MS, performance.now())) {
    await Bun.sleep(Math.max(0, due - performance.now()))
    const oldest = (await server.callDroplets('GET', 'list', token)).at(-1)?.name
    await Promise.all([
      server.callDroplets('POST', 'add', token),
      server.callDroplets('DELETE', `delete/${oldest}`, token),
    ])
    count++
  }
  return count
}

/** Durations in ms, grouped by the half minute in which the request started. */
function windowsOf(requests: TimedRequest[]): number[][] {
  const firstStart = Math.min(...requests.map(({ startedAt }) => startedAt))
  const count = (MINUTES * 60_000) / WINDOW_MS
  const windows = Array.from({ length: count }, (): number[] => [])
  for (const { startedAt, durationMs } of requests)
    windows[Math.min(Math.floor((startedAt - firstStart) / WINDOW_MS), count - 1)]?.push(durationMs)
  return windows
}
