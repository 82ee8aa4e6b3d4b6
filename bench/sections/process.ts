import { populate } from '../population.ts'
import { measureFirstAnswers, residentMegabytes } from '../process.ts'
import type { Section } from '../section.ts'
import { startServer } from '../server.ts'
import { median, quantile } from '../statistics.ts'
import { CONNECTIONS, load } from '../throughput.ts'
import { megabytes, ms } from '../words.ts'

const STARTS = 20
const DROPLETS = 20
const REQUESTS = 1_000_000
const GO_SECONDS = 10
const FIRST_ANSWER_MS = 120
const IDLE_MB = 60
const LOADED_MB = 110

/** How soon the process is there, and what it holds in memory before and after a million requests. */
export const measureProcess: Section = async stage => {
  const engine = await stage.engine()
  const starts = await measureFirstAnswers(STARTS)
  await using matrix = await startServer({ socket: engine.socket })
  await matrix.call('GET', '/user/list')
  // Until it has nothing to do.
  await Bun.sleep(2_000)
  const idle = residentMegabytes(matrix)
  const token = await matrix.signIn('owner')
  await populate(engine, matrix, token, DROPLETS)
  let requests = 0
  const gos: string[][] = []
  while (requests < REQUESTS) {
    requests += (await load(`${matrix.url}/droplet/list`, token, GO_SECONDS)).requests
    gos.push([String(requests), megabytes(residentMegabytes(matrix))])
  }
  const loaded = residentMegabytes(matrix)
  return {
    verdicts: [
      {
        what: 'start to first answer, median',
        reach: `${FIRST_ANSWER_MS} ms at most`,
        measured: ms(median(starts)),
        met: median(starts) <= FIRST_ANSWER_MS,
      },
      {
        what: 'resident memory, idle',
        reach: `${IDLE_MB} MB at most`,
        measured: megabytes(idle),
        met: idle <= IDLE_MB,
      },
      {
        what: `resident memory after ${REQUESTS.toLocaleString('en')} requests`,
        reach: `${LOADED_MB} MB at most`,
        measured: megabytes(loaded),
        met: loaded <= LOADED_MB,
      },
    ],
    tables: [
      {
        about: `From the start of the process to its first answer, over a data directory that exists, ${STARTS} times`,
        head: ['median', 'p99'],
        rows: [[ms(median(starts)), ms(quantile(starts, 0.99))]],
      },
      {
        about: `Resident memory while the list of ${DROPLETS} droplets is asked for on ${CONNECTIONS} connections`,
        head: ['requests', 'resident memory'],
        rows: [['0 (idle)', megabytes(idle)], ...gos],
      },
    ],
  }
}
