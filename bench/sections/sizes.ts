import { addressOf, requestOf } from '../connection.ts'
import { setDropletCount } from '../droplet-load.ts'
import { formatMs } from '../format.ts'
import { measureRequests } from '../request-rate.ts'
import type { MeasureSection } from '../section.ts'
import { startServer } from '../server.ts'
import { median, quantile } from '../statistics.ts'

const SIZES = [1, 20, 99]
const ROUNDS = 5
const SECONDS = 1
const WARM_UP_SECONDS = 2
const MAX_US_PER_DROPLET = 2

/** Response time of the list by its length, on one connection, compared with the engine's list. */
export const measureSizes: MeasureSection = async context => {
  const engine = await context.engine()
  await using server = await startServer({ socket: engine.socket })
  const token = await server.logInAs('owner')
  const { address, path } = addressOf(server.url)
  const list = requestOf('GET', `${path}/droplet/list`, { token })
  const engineList = requestOf('GET', '/containers/json?all=1')
  const sizeTimes: { size: number; ours: number[]; engine: number[] }[] = []
  for (const size of SIZES) {
    await setDropletCount(engine, server, token, size)
    // Warms up the JIT before each size.
    await measureRequests(WARM_UP_SECONDS, { unix: engine.socket }, engineList, 1)
    await measureRequests(WARM_UP_SECONDS, address, list, 1)
    const times: { ours: number[]; engine: number[] } = { ours: [], engine: [] }
    for (let round = 0; round < ROUNDS; round++) {
      times.engine.push(...(await measureRequests(SECONDS, { unix: engine.socket }, engineList, 1)).times)
      times.ours.push(...(await measureRequests(SECONDS, address, list, 1)).times)
    }
    sizeTimes.push({ size, ...times })
  }
  const [first, last] = [sizeTimes[0], sizeTimes.at(-1)]
  const msPerDroplet = last && first ? (median(last.ours) - median(first.ours)) / (last.size - first.size) : Number.NaN
  return {
    verdicts: [
      ...sizeTimes.map(({ size, ours, engine }) => ({
        description: `GET /droplet/list, ${size} droplet${size === 1 ? '' : 's'}, one connection, p50`,
        target: `below the engine's ${formatMs(median(engine))}`,
        measured: formatMs(median(ours)),
        isMet: median(ours) < median(engine),
      })),
      {
        description: 'GET /droplet/list, time per additional droplet',
        target: `below ${MAX_US_PER_DROPLET} µs`,
        measured: `${(msPerDroplet * 1000).toFixed(2)} µs`,
        isMet: msPerDroplet * 1000 < MAX_US_PER_DROPLET,
      },
    ],
    tables: [
      {
        caption: `The list and the engine's list, one connection, ${ROUNDS} alternating runs of ${SECONDS} s each`,
        columns: ['droplets', 'ours, p50', 'p99', 'engine, p50', 'p99'],
        rows: sizeTimes.map(({ size, ours, engine }) => [
          String(size),
          ...[ours, engine].flatMap(times => [formatMs(median(times)), formatMs(quantile(times, 0.99))]),
        ]),
      },
    ],
  }
}
