import { engineApi } from '../../scripts/lib/engine-api.ts'
import { setDropletCount } from '../droplet-load.ts'
import { watchContainerExits } from '../events/container-exits.ts'
import { startSubscribers } from '../events/start-subscribers.ts'
import { formatMs } from '../format.ts'
import type { MeasureSection } from '../section.ts'
import { startServer } from '../server.ts'
import { median, quantile } from '../statistics.ts'

const SUBSCRIBER_COUNT = 1_000
const ROUNDS = 10
const DELAY_LIMIT_MS = 250

/** From a droplet's exit, by the engine's clock, until every subscriber of the event stream has received it. */
export const measureEvents: MeasureSection = async context => {
  const engine = await context.engine()
  await using server = await startServer({ socket: engine.socket })
  const token = await server.logInAs('owner')
  const [droplet] = await setDropletCount(engine, server, token, 1)
  const name = droplet?.name ?? ''
  await server.callDroplets('PATCH', `start/${name}`, token)
  using containerExits = await watchContainerExits(engine.socket, name)
  await using subscribers = await startSubscribers({ url: server.url, token, count: SUBSCRIBER_COUNT, name })
  const delays: number[][] = []
  const inspectDelays: number[] = []
  const measureExit = async () => {
    const exitedAt = await containerExits.nextExit()
    await (await engineApi(engine.socket, 'GET', `/containers/${name}/json`)).text()
    inspectDelays.push(Date.now() - exitedAt)
    return exitedAt
  }
  const stop = async () => {
    const { status } = await engineApi(engine.socket, 'POST', `/containers/${name}/stop`)
    if (status !== 204) throw new Error(`cannot stop ${name}: ${status}`)
  }
  for (let round = 0; round < ROUNDS; round++) {
    await subscribers.listen()
    const [exitedAt, receivedTimes] = await Promise.all([measureExit(), subscribers.receivedTimes(), stop()])
    delays.push(receivedTimes.map(time => time - exitedAt))
    await server.callDroplets('PATCH', `start/${name}`, token)
  }
  const allDelays = delays.flat()
  const missingCount = SUBSCRIBER_COUNT * ROUNDS - allDelays.length
  const slowest = Math.max(...allDelays)
  return {
    verdicts: [
      {
        description: `docker stop, received by ${SUBSCRIBER_COUNT.toLocaleString('en')} event stream subscribers`,
        target: `by all within ${DELAY_LIMIT_MS} ms`,
        measured: missingCount > 0 ? `${missingCount} events not received` : `last one after ${formatMs(slowest)}`,
        isMet: missingCount === 0 && slowest <= DELAY_LIMIT_MS,
      },
    ],
    tables: [
      {
        caption: `From the engine's \`die\` event until each of ${SUBSCRIBER_COUNT.toLocaleString('en')} subscribers has received it, and until the engine has answered an inspect request, ${ROUNDS} times`,
        columns: ['', 'median', 'p99', 'max'],
        rows: [
          toRow('each subscriber', allDelays),
          toRow(
            'last subscriber of each round',
            delays.map(times => Math.max(...times)),
          ),
          toRow("engine's GET /containers/NAME/json, sent at `die`", inspectDelays),
        ],
      },
    ],
  }
}

function toRow(name: string, times: number[]): string[] {
  return [name, formatMs(median(times)), formatMs(quantile(times, 0.99)), formatMs(Math.max(...times))]
}
