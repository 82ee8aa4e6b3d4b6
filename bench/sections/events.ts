import { engineApi } from '../../scripts/lib/engine-api.ts'
import { watchDeaths } from '../events/deaths.ts'
import { startReaders } from '../events/start-readers.ts'
import { populate } from '../population.ts'
import type { Section } from '../section.ts'
import { startServer } from '../server.ts'
import { median, quantile } from '../statistics.ts'
import { ms } from '../words.ts'

const READERS = 1_000
const ROUNDS = 10
const WITHIN_MS = 250

/** From a droplet's end, by the engine's own clock, until every reader of the event stream has heard of it. */
export const measureEvents: Section = async stage => {
  const engine = await stage.engine()
  await using matrix = await startServer({ socket: engine.socket })
  const token = await matrix.signIn('owner')
  const [droplet] = await populate(engine, matrix, token, 1)
  const name = droplet?.name ?? ''
  await matrix.droplets('PATCH', `start/${name}`, token)
  using deaths = await watchDeaths(engine.socket, name)
  await using readers = await startReaders({ url: matrix.url, token, count: READERS, name })
  const delays: number[][] = []
  const inspected: number[] = []
  const death = async () => {
    const died = await deaths.next()
    await (await engineApi(engine.socket, 'GET', `/containers/${name}/json`)).text()
    inspected.push(Date.now() - died)
    return died
  }
  const stop = async () => {
    const { status } = await engineApi(engine.socket, 'POST', `/containers/${name}/stop`)
    if (status !== 204) throw new Error(`${name} was not stopped: ${status}`)
  }
  for (let round = 0; round < ROUNDS; round++) {
    await readers.listen()
    const [died, heard] = await Promise.all([death(), readers.heard(), stop()])
    delays.push(heard.map(time => time - died))
    await matrix.droplets('PATCH', `start/${name}`, token)
  }
  const all = delays.flat()
  const missing = READERS * ROUNDS - all.length
  const slowest = Math.max(...all)
  return {
    verdicts: [
      {
        what: `docker stop, heard by ${READERS.toLocaleString('en')} readers of the event stream`,
        reach: `by all within ${WITHIN_MS} ms`,
        measured: missing > 0 ? `${missing} times by a reader not at all` : `the last one after ${ms(slowest)}`,
        met: missing === 0 && slowest <= WITHIN_MS,
      },
    ],
    tables: [
      {
        about: `From the engine's own \`die\` until each of ${READERS.toLocaleString('en')} readers has the event, and until the engine answers what the container is like, ${ROUNDS} times`,
        head: ['', 'median', 'p99', 'max'],
        rows: [
          row('a reader', all),
          row(
            'the last reader of each time',
            delays.map(times => Math.max(...times)),
          ),
          row("the engine's own GET /containers/NAME/json, asked at the `die`", inspected),
        ],
      },
    ],
  }
}

function row(name: string, times: number[]): string[] {
  return [name, ms(median(times)), ms(quantile(times, 0.99)), ms(Math.max(...times))]
}
