import type { ServerProcess } from '../../tests/testkit/e2e/server-process.ts'
import { setDropletCount } from '../droplet-load.ts'
import { formatMs, formatRatio } from '../format.ts'
import { createDirectCalls } from '../lifecycle/direct-calls.ts'
import type { MeasureSection } from '../section.ts'
import { startServer } from '../server.ts'
import { median, quantile, timed } from '../statistics.ts'

const ROUNDS = 20
const MAX_RATIO = 1.1

const steps = ['add', 'stop', 'start', 'restart', 'delete'] as const

/** Droplet changes through the API, alternating with the same calls made directly to the engine. */
export const measureLifecycle: MeasureSection = async context => {
  const engine = await context.engine()
  await using server = await startServer({ socket: engine.socket })
  const token = await server.logInAs('owner')
  await setDropletCount(engine, server, token, 0)
  const measurements = steps.map(step => ({ step, ours: [] as number[], direct: [] as number[] }))
  const ourCalls = createApiCalls(server, token)
  const direct = createDirectCalls(engine.socket)
  for (let round = 0; round < ROUNDS; round++) {
    for (const { step, ...times } of measurements) {
      // Alternates which of the two goes first.
      if (round % 2 === 0) times.direct.push(await timed(direct[step]))
      times.ours.push(await timed(ourCalls[step]))
      if (round % 2 === 1) times.direct.push(await timed(direct[step]))
    }
  }
  return {
    verdicts: measurements.map(({ step, ours, direct }) => {
      const ratio = median(ours) / median(direct)
      return {
        description: `${step}, compared with direct calls to the engine`,
        target: `at most ${MAX_RATIO.toFixed(2)} times`,
        measured: formatRatio(ratio),
        isMet: ratio <= MAX_RATIO,
      }
    }),
    tables: [
      {
        caption: `A droplet of a small image, alternating between the API and direct calls to the engine, ${ROUNDS} times`,
        columns: ['', 'ours, median', 'p99', 'direct, median', 'p99'],
        rows: measurements.map(({ step, ours, direct }) => [
          step,
          ...[ours, direct].flatMap(times => [formatMs(median(times)), formatMs(quantile(times, 0.99))]),
        ]),
      },
    ],
  }
}

function createApiCalls(server: ServerProcess, token: string) {
  let name = ''
  return {
    add: async () => {
      name = (await server.callDroplets('POST', 'add', token))[0]?.name ?? ''
    },
    stop: () => server.callDroplets('PATCH', `stop/${name}`, token),
    start: () => server.callDroplets('PATCH', `start/${name}`, token),
    restart: () => server.callDroplets('PATCH', `restart/${name}`, token),
    delete: () => server.callDroplets('DELETE', `delete/${name}`, token),
  }
}
