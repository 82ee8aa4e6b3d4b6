import { placeOf, requestOf } from '../connection.ts'
import { askFor } from '../pace.ts'
import { populate } from '../population.ts'
import type { Section } from '../section.ts'
import { startServer } from '../server.ts'
import { median, quantile } from '../statistics.ts'
import { ms } from '../words.ts'

const SIZES = [1, 20, 99]
const ROUNDS = 5
const SECONDS = 1
const WARM_UP_SECONDS = 2
const US_PER_DROPLET = 2

/** How the list's time grows with its length, on one connection, beside the engine's own. */
export const measureSizes: Section = async stage => {
  const engine = await stage.engine()
  await using matrix = await startServer({ socket: engine.socket })
  const token = await matrix.signIn('owner')
  const { address, path } = placeOf(matrix.url)
  const list = requestOf('GET', `${path}/droplet/list`, { token })
  const listing = requestOf('GET', '/containers/json?all=1')
  const sizes: { size: number; ours: number[]; engine: number[] }[] = []
  for (const size of SIZES) {
    await populate(engine, matrix, token, size)
    // Neither the first size nor the first after a pause is to pay for code that is not compiled yet.
    await askFor(WARM_UP_SECONDS, { unix: engine.socket }, listing, 1)
    await askFor(WARM_UP_SECONDS, address, list, 1)
    const times: { ours: number[]; engine: number[] } = { ours: [], engine: [] }
    for (let round = 0; round < ROUNDS; round++) {
      times.engine.push(...(await askFor(SECONDS, { unix: engine.socket }, listing, 1)).times)
      times.ours.push(...(await askFor(SECONDS, address, list, 1)).times)
    }
    sizes.push({ size, ...times })
  }
  const [first, last] = [sizes[0], sizes.at(-1)]
  const added = last && first ? (median(last.ours) - median(first.ours)) / (last.size - first.size) : Number.NaN
  return {
    verdicts: [
      ...sizes.map(({ size, ours, engine }) => ({
        what: `GET /droplet/list, ${size} droplet${size === 1 ? '' : 's'}, one connection, p50`,
        reach: `below the engine's ${ms(median(engine))}`,
        measured: ms(median(ours)),
        met: median(ours) < median(engine),
      })),
      {
        what: 'GET /droplet/list, time for each droplet more',
        reach: `below ${US_PER_DROPLET} µs`,
        measured: `${(added * 1000).toFixed(2)} µs`,
        met: added * 1000 < US_PER_DROPLET,
      },
    ],
    tables: [
      {
        about: `The list and the engine's listing, one connection, ${ROUNDS} times ${SECONDS} s each in turns`,
        head: ['droplets', 'ours, p50', 'p99', 'the engine, p50', 'p99'],
        rows: sizes.map(({ size, ours, engine }) => [
          String(size),
          ...[ours, engine].flatMap(times => [ms(median(times)), ms(quantile(times, 0.99))]),
        ]),
      },
    ],
  }
}
