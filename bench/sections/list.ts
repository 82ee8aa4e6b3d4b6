import { addressOf, requestOf } from '../connection.ts'
import { setDropletCount } from '../droplet-load.ts'
import { formatMs, formatPercent, formatRate, formatRatio } from '../format.ts'
import { measureRequests, type RateResult } from '../request-rate.ts'
import type { MeasureSection } from '../section.ts'
import { startServer } from '../server.ts'
import { median, quantile } from '../statistics.ts'
import { CONNECTIONS, compareThroughput, ROUNDS, throughputMethod } from '../throughput.ts'

const DROPLETS = 20
const SECONDS = 3
const MIN_SHARE_OF_BARE = 0.4
const MIN_ENGINE_RATIO = 15

/** The list under load, compared with a server that only sends the same bytes, and with the engine's own list. */
export const measureList: MeasureSection = async context => {
  const engine = await context.engine()
  await using server = await startServer({ socket: engine.socket })
  const token = await server.logInAs('owner')
  await setDropletCount(engine, server, token, DROPLETS)
  const { ours, bare } = await compareThroughput(server, '/droplet/list', token)
  const { address, path } = addressOf(server.url)
  const list = requestOf('GET', `${path}/droplet/list`, { token })
  const engineList = requestOf('GET', '/containers/json?all=1')
  const results: { ours: RateResult[]; engine: RateResult[] } = { ours: [], engine: [] }
  for (let round = 0; round < ROUNDS; round++) {
    results.engine.push(await measureRequests(SECONDS, { unix: engine.socket }, engineList, CONNECTIONS))
    results.ours.push(await measureRequests(SECONDS, address, list, CONNECTIONS))
  }
  const share = ours.requestsPerSecond / bare.requestsPerSecond
  const medianRate = (results: RateResult[]) => median(results.map(({ perSecond }) => perSecond))
  const ratio = medianRate(results.ours) / medianRate(results.engine)
  const toRow = (name: string, results: RateResult[]) => {
    const allTimes = results.flatMap(result => result.times)
    return [name, formatRate(medianRate(results)), formatMs(median(allTimes)), formatMs(quantile(allTimes, 0.99))]
  }
  const description = `GET /droplet/list, ${DROPLETS} droplets, ${CONNECTIONS} connections`
  return {
    verdicts: [
      {
        description: `${description}, compared with a bare Bun.serve`,
        target: `at least ${formatPercent(MIN_SHARE_OF_BARE)}`,
        measured: formatPercent(share),
        isMet: share >= MIN_SHARE_OF_BARE,
      },
      {
        description: `${description}, compared with the engine's GET /containers/json?all=1`,
        target: `at least ${MIN_ENGINE_RATIO} times`,
        measured: formatRatio(ratio),
        isMet: ratio >= MIN_ENGINE_RATIO,
      },
    ],
    tables: [
      {
        caption: `List of ${DROPLETS} droplets; ${throughputMethod} (wrk)`,
        columns: ['', 'rate', 'p50', 'p99'],
        rows: [
          ['ours', formatRate(ours.requestsPerSecond), ours.p50, ours.p99],
          ['bare Bun.serve, same bytes', formatRate(bare.requestsPerSecond), bare.p50, bare.p99],
        ],
      },
      {
        caption: `The same list and the engine's list over its unix socket; ${CONNECTIONS} connections, ${ROUNDS} alternating runs of ${SECONDS} s each (client in Bun)`,
        columns: ['', 'rate', 'median', 'p99'],
        rows: [toRow('ours', results.ours), toRow('engine', results.engine)],
      },
    ],
  }
}
