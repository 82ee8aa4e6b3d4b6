import type { Matrix } from '../../tests/_support/e2e/matrix.ts'
import { straightCalls } from '../lifecycle/straight.ts'
import { populate } from '../population.ts'
import type { Section } from '../section.ts'
import { startServer } from '../server.ts'
import { median, quantile, timed } from '../statistics.ts'
import { ms, times } from '../words.ts'

const ROUNDS = 20
const TIMES_STRAIGHT = 1.1

const steps = ['add', 'stop', 'start', 'restart', 'delete'] as const

/** One droplet after another through the API and, in turns with it, by the same calls made straight to the engine. */
export const measureLifecycle: Section = async stage => {
  const engine = await stage.engine()
  await using matrix = await startServer({ socket: engine.socket })
  const token = await matrix.signIn('owner')
  await populate(engine, matrix, token, 0)
  const measured = steps.map(step => ({ step, ours: [] as number[], straight: [] as number[] }))
  const ours = apiCalls(matrix, token)
  const straight = straightCalls(engine.socket)
  for (let round = 0; round < ROUNDS; round++) {
    for (const { step, ...times } of measured) {
      // Each is the first one as often as the other.
      if (round % 2 === 0) times.straight.push(await timed(straight[step]))
      times.ours.push(await timed(ours[step]))
      if (round % 2 === 1) times.straight.push(await timed(straight[step]))
    }
  }
  return {
    verdicts: measured.map(({ step, ours, straight }) => {
      const ratio = median(ours) / median(straight)
      return {
        what: `${step}, against the same calls made straight to the engine`,
        reach: `${TIMES_STRAIGHT.toFixed(2)} times at most`,
        measured: times(ratio),
        met: ratio <= TIMES_STRAIGHT,
      }
    }),
    tables: [
      {
        about: `A droplet of a small image, through the API and straight to the engine in turns, ${ROUNDS} times`,
        head: ['', 'ours, median', 'p99', 'straight, median', 'p99'],
        rows: measured.map(({ step, ours, straight }) => [
          step,
          ...[ours, straight].flatMap(times => [ms(median(times)), ms(quantile(times, 0.99))]),
        ]),
      },
    ],
  }
}

function apiCalls(matrix: Matrix, token: string) {
  let name = ''
  return {
    add: async () => {
      name = (await matrix.droplets('POST', 'add', token))[0]?.name ?? ''
    },
    stop: () => matrix.droplets('PATCH', `stop/${name}`, token),
    start: () => matrix.droplets('PATCH', `start/${name}`, token),
    restart: () => matrix.droplets('PATCH', `restart/${name}`, token),
    delete: () => matrix.droplets('DELETE', `delete/${name}`, token),
  }
}
