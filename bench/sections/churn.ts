import type { Matrix } from '../../tests/_support/e2e/matrix.ts'
import { startBare } from '../bare.ts'
import { placeOf, requestOf } from '../connection.ts'
import { type Asked, askPaced } from '../paced.ts'
import { populate } from '../population.ts'
import type { Section } from '../section.ts'
import { startServer } from '../server.ts'
import { median, quantile } from '../statistics.ts'
import { ms } from '../words.ts'

const DROPLETS = 90
const MINUTES = 5
const CHANGE_EVERY_MS = 2_000
const CONNECTIONS = 4
const ASK_EVERY_MS = 40
const WINDOW_MS = 30_000
const P99_MS = 10

/** The list while droplets come and go; beside it a bare server with the same bytes, to tell what the machine adds. */
export const measureChurn: Section = async stage => {
  const engine = await stage.engine()
  await using matrix = await startServer({ socket: engine.socket })
  const token = await matrix.signIn('owner')
  const droplets = await populate(engine, matrix, token, DROPLETS)
  await using bare = await startBare(JSON.stringify(droplets))
  const { address, path } = placeOf(matrix.url)
  const end = performance.now() + MINUTES * 60_000
  const pace = { connections: CONNECTIONS, everyMs: ASK_EVERY_MS, end }
  const [changes, ours, theirs] = await Promise.all([
    addAndDelete(matrix, token, end),
    askPaced(address, requestOf('GET', `${path}/droplet/list`, { token }), pace),
    askPaced(placeOf(bare.url).address, requestOf('GET', '/'), pace),
  ])
  const windows = windowsOf(ours).map((window, index) => ({ ours: window, theirs: windowsOf(theirs)[index] ?? [] }))
  const worst = Math.max(...windows.map(window => quantile(window.ours, 0.99)))
  const row = (name: string, ...sides: number[][]) => [
    name,
    ...sides.flatMap(times => [ms(median(times)), ms(quantile(times, 0.99))]),
  ]
  return {
    verdicts: [
      {
        what: `GET /droplet/list of ${DROPLETS}, with ${changes} adds and ${changes} deletes in ${MINUTES} minutes`,
        reach: `no p99 above ${P99_MS} ms`,
        measured: `the worst of ${windows.length}: ${ms(worst)}`,
        met: worst <= P99_MS,
      },
    ],
    tables: [
      {
        about: `An add and a delete every ${CHANGE_EVERY_MS / 1000} s, the list asked for ${(CONNECTIONS * 1000) / ASK_EVERY_MS} times a second on ${CONNECTIONS} connections, and as often the same bytes from a bare Bun.serve, which tells what the machine adds`,
        head: ['', 'ours, p50', 'p99', 'bare, p50', 'p99'],
        rows: [
          ...windows.map((window, index) =>
            row(`to ${((index + 1) * WINDOW_MS) / 1000} s`, window.ours, window.theirs),
          ),
          row('in all', windowsOf(ours).flat(), windowsOf(theirs).flat()),
        ],
      },
    ],
  }
}

/** A new one and the oldest one less, both at the same time. @returns how often */
async function addAndDelete(matrix: Matrix, token: string, end: number): Promise<number> {
  let count = 0
  for (let due = performance.now(); due < end; due = Math.max(due + CHANGE_EVERY_MS, performance.now())) {
    await Bun.sleep(Math.max(0, due - performance.now()))
    const oldest = (await matrix.droplets('GET', 'list', token)).at(-1)?.name
    await Promise.all([matrix.droplets('POST', 'add', token), matrix.droplets('DELETE', `delete/${oldest}`, token)])
    count++
  }
  return count
}

/** How long each took, in ms, by half a minute. */
function windowsOf(asked: Asked[]): number[][] {
  const begins = Math.min(...asked.map(({ at }) => at))
  const count = (MINUTES * 60_000) / WINDOW_MS
  const windows = Array.from({ length: count }, (): number[] => [])
  for (const { at, took } of asked) windows[Math.min(Math.floor((at - begins) / WINDOW_MS), count - 1)]?.push(took)
  return windows
}
