import { setDropletCount } from '../droplet-load.ts'
import { formatMegabytes, formatMs } from '../format.ts'
import { measureStartups, residentMegabytes } from '../process.ts'
import type { MeasureSection } from '../section.ts'
import { startServer } from '../server.ts'
import { median, quantile } from '../statistics.ts'
import { CONNECTIONS, runWrk } from '../throughput.ts'

const START_COUNT = 20
const DROPLETS = 20
const REQUESTS = 1_000_000
const LOAD_SECONDS = 10
/** How long the server has no requests before its idle memory is measured. */
const IDLE_MS = 2_000
const FIRST_RESPONSE_LIMIT_MS = 120
const IDLE_LIMIT_MB = 60
const LOADED_LIMIT_MB = 110

/** Startup time, and resident memory before and after a million requests. */
export const measureProcess: MeasureSection = async context => {
  const engine = await context.engine()
  const startTimes = await measureStartups(START_COUNT)
  await using server = await startServer({ socket: engine.socket })
  await server.call('GET', '/user/list')
  await Bun.sleep(IDLE_MS)
  const idleMegabytes = residentMegabytes(server)
  const token = await server.logInAs('owner')
  await setDropletCount(engine, server, token, DROPLETS)
  let requests = 0
  const memoryRows: string[][] = []
  while (requests < REQUESTS) {
    requests += (await runWrk(`${server.url}/droplet/list`, token, LOAD_SECONDS)).requests
    memoryRows.push([String(requests), formatMegabytes(residentMegabytes(server))])
  }
  const loadedMegabytes = residentMegabytes(server)
  return {
    verdicts: [
      {
        description: 'start to first response, median',
        target: `at most ${FIRST_RESPONSE_LIMIT_MS} ms`,
        measured: formatMs(median(startTimes)),
        isMet: median(startTimes) <= FIRST_RESPONSE_LIMIT_MS,
      },
      {
        description: 'resident memory, idle',
        target: `at most ${IDLE_LIMIT_MB} MB`,
        measured: formatMegabytes(idleMegabytes),
        isMet: idleMegabytes <= IDLE_LIMIT_MB,
      },
      {
        description: `resident memory after ${REQUESTS.toLocaleString('en')} requests`,
        target: `at most ${LOADED_LIMIT_MB} MB`,
        measured: formatMegabytes(loadedMegabytes),
        isMet: loadedMegabytes <= LOADED_LIMIT_MB,
      },
    ],
    tables: [
      {
        caption: `From the start of the process to its first response, with an existing data directory, ${START_COUNT} times`,
        columns: ['median', 'p99'],
        rows: [[formatMs(median(startTimes)), formatMs(quantile(startTimes, 0.99))]],
      },
      {
        caption: `Resident memory while ${CONNECTIONS} connections request the list of ${DROPLETS} droplets`,
        columns: ['requests', 'resident memory'],
        rows: [['0 (idle)', formatMegabytes(idleMegabytes)], ...memoryRows],
      },
    ],
  }
}
