import { join } from 'node:path'
import { root } from '../scripts/lib/paths.ts'
import { run } from '../scripts/lib/run.ts'
import { main, Obstacle, print, say } from '../scripts/lib/terminal.ts'
import { startMatrix } from '../tests/_support/e2e/matrix.ts'
import { createFakeEngine } from '../tests/_support/fake-engine.ts'
import { runLoad } from './soak/load.ts'
import { toReport } from './soak/report.ts'
import { compareThirds, type Sample, takeSample } from './soak/samples.ts'
import { createTally } from './soak/tally.ts'

// Half an hour of everything at once against the compiled binary: nothing may be answered that was not expected, and
// the process may not grow. `npm run soak -- 5` is a try of five minutes; only a whole run writes bench/SOAK.md.

const WHOLE_RUN_MINUTES = 30
const WARM_UP_MINUTES = 2
const SAMPLE_EVERY_MS = 2_000
const GROWTH_ALLOWED = 0.05

await main(async () => {
  const minutes = Number(process.argv[2] ?? WHOLE_RUN_MINUTES)
  if (!(minutes > 0)) throw new Obstacle(`${process.argv[2]} is no number of minutes: npm run soak -- 30`)
  say('Building')
  await run(['bun', 'scripts/build.ts'])
  await using engine = createFakeEngine()
  // Else all the strangers of the load would share one address, which is locked after 20 failures.
  await using matrix = await startMatrix({ socket: engine.socket, flags: ['--trusted-proxies', '127.0.0.1'] })
  const owner = await matrix.signIn('owner')
  const tally = createTally()

  say(`${minutes} minutes of load on process ${matrix.process.pid}`)
  const begins = performance.now()
  const ends = begins + minutes * 60_000
  const samples: Sample[] = []
  const sampling = setInterval(() => {
    samples.push(takeSample(matrix))
    for (const { level, message, error } of matrix.log.splice(0)) {
      if (level === 'error') tally.complain(`log: ${message} ${String(error).slice(0, 300)}`)
    }
    // What the fake engine was asked is of no interest here, and would fill the memory.
    engine.requests.length = 0
  }, SAMPLE_EVERY_MS)
  await runLoad({ target: { url: matrix.url, tally }, matrix, engine, owner }, ends)
  clearInterval(sampling)
  const exitCode = await matrix.stop()
  if (exitCode !== 0) tally.complain(`serve: exit code ${exitCode} after SIGTERM`)

  const warmUp = Math.min(WARM_UP_MINUTES, minutes / 3) * 60_000
  const counted = samples.filter(({ at }) => at > begins + warmUp && at <= ends)
  const memory = compareThirds(counted, 'memory')
  const descriptors = compareThirds(counted, 'descriptors')
  const report = toReport({ minutes, warmUp, tally, memory, descriptors })
  print(report)
  if (minutes >= WHOLE_RUN_MINUTES) await Bun.write(join(root, 'bench/SOAK.md'), report)
  const grew = [memory, descriptors].some(({ growth }) => growth > GROWTH_ALLOWED)
  if (grew || tally.complaints().length > 0) process.exitCode = 1
})
