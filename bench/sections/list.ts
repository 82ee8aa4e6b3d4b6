import { placeOf, requestOf } from '../connection.ts'
import { askFor, type Pace } from '../pace.ts'
import { populate } from '../population.ts'
import type { Section } from '../section.ts'
import { startServer } from '../server.ts'
import { median, quantile } from '../statistics.ts'
import { CONNECTIONS, compareThroughput, ROUNDS, throughputWords } from '../throughput.ts'
import { ms, percent, perSecond, times } from '../words.ts'

const DROPLETS = 20
const SECONDS = 3
const SHARE_OF_BARE = 0.4
const TIMES_THE_ENGINE = 15

/** The list under load, against a server that only answers the same bytes, and against the engine's own listing. */
export const measureList: Section = async stage => {
  const engine = await stage.engine()
  await using matrix = await startServer({ socket: engine.socket })
  const token = await matrix.signIn('owner')
  await populate(engine, matrix, token, DROPLETS)
  const { ours, bare } = await compareThroughput(matrix, '/droplet/list', token)
  const { address, path } = placeOf(matrix.url)
  const list = requestOf('GET', `${path}/droplet/list`, { token })
  const listing = requestOf('GET', '/containers/json?all=1')
  const answered: { ours: Pace[]; engine: Pace[] } = { ours: [], engine: [] }
  for (let round = 0; round < ROUNDS; round++) {
    answered.engine.push(await askFor(SECONDS, { unix: engine.socket }, listing, CONNECTIONS))
    answered.ours.push(await askFor(SECONDS, address, list, CONNECTIONS))
  }
  const share = ours.requestsPerSecond / bare.requestsPerSecond
  const rate = (paces: Pace[]) => median(paces.map(({ perSecond }) => perSecond))
  const ratio = rate(answered.ours) / rate(answered.engine)
  const paceRow = (name: string, paces: Pace[]) => {
    const all = paces.flatMap(pace => pace.times)
    return [name, perSecond(rate(paces)), ms(median(all)), ms(quantile(all, 0.99))]
  }
  const what = `GET /droplet/list, ${DROPLETS} droplets, ${CONNECTIONS} connections`
  return {
    verdicts: [
      {
        what: `${what}, against a bare Bun.serve`,
        reach: `${percent(SHARE_OF_BARE)} at least`,
        measured: percent(share),
        met: share >= SHARE_OF_BARE,
      },
      {
        what: `${what}, against the engine's GET /containers/json?all=1`,
        reach: `${TIMES_THE_ENGINE} times at least`,
        measured: times(ratio),
        met: ratio >= TIMES_THE_ENGINE,
      },
    ],
    tables: [
      {
        about: `The list of ${DROPLETS} droplets; ${throughputWords} (wrk)`,
        head: ['', 'requests', 'p50', 'p99'],
        rows: [
          ['ours', perSecond(ours.requestsPerSecond), ours.p50, ours.p99],
          ['the same bytes from a bare Bun.serve', perSecond(bare.requestsPerSecond), bare.p50, bare.p99],
        ],
      },
      {
        about: `The same and the engine's listing over its unix socket; ${CONNECTIONS} connections, ${ROUNDS} times ${SECONDS} seconds each in turns (a client in Bun)`,
        head: ['', 'requests', 'median', 'p99'],
        rows: [paceRow('ours', answered.ours), paceRow('the engine', answered.engine)],
      },
    ],
  }
}
