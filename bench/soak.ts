import { join } from 'node:path'
import { root } from '../scripts/lib/paths.ts'
import { run } from '../scripts/lib/run.ts'
import { logStep, print, runScript, UserError } from '../scripts/lib/terminal.ts'
import { createFakeDocker } from '../tests/testkit/docker/fake-docker.ts'
import { startServerProcess } from '../tests/testkit/e2e/server-process.ts'
import { tempDir } from '../tests/testkit/temp-dir.ts'
import { runLoad } from './soak/load.ts'
import { toReport } from './soak/report.ts'
import { compareThirds, type Sample, takeSample } from './soak/samples.ts'
import { createTally } from './soak/tally.ts'

// Half an hour of mixed load on the compiled binary: every response must be an expected one, and the process must not
// grow. `npm run soak -- 5` runs for five minutes; only a full run writes bench/SOAK.md.

const FULL_RUN_MINUTES = 30
const WARM_UP_MINUTES = 2
const SAMPLE_INTERVAL_MS = 2_000
const MAX_GROWTH = 0.05

await runScript(async () => {
  const minutes = Number(process.argv[2] ?? FULL_RUN_MINUTES)
  if (!(minutes > 0))
    throw new UserError(`"${process.argv[2]}" is not a number of minutes. Usage: npm run soak [-- 30]`)
  logStep('Building')
  await run(['bun', 'scripts/build.ts'])
  await using engine = createFakeDocker()
  using dir = tempDir()
  // With a trusted proxy, each client of the load has its own address; an address is locked after 20 failures.
  await using server = await startServerProcess({
    socket: engine.socket,
    dataDir: dir.path,
    flags: ['--trusted-proxies', '127.0.0.1'],
  })
  const ownerToken = await server.logInAs('owner')
  const tally = createTally()

  logStep(`${minutes} minutes of load on process ${server.process.pid}`)
  const startedAt = performance.now()
  const endsAt = startedAt + minutes * 60_000
  const samples: Sample[] = []
  const sampling = setInterval(() => {
    samples.push(takeSample(server))
    for (const { level, message, error } of server.log.splice(0)) {
      if (level === 'error') tally.recordProblem(`log: ${message} ${String(error).slice(0, 300)}`)
    }
    // The fake engine's request log is not needed and would fill the memory.
    engine.requests.length = 0
  }, SAMPLE_INTERVAL_MS)
  await runLoad({ target: { url: server.url, tally }, server, engine, ownerToken }, endsAt)
  clearInterval(sampling)
  const exitCode = await server.stop()
  if (exitCode !== 0) tally.recordProblem(`serve: exit code ${exitCode} after SIGTERM`)

  const warmUpMs = Math.min(WARM_UP_MINUTES, minutes / 3) * 60_000
  const countedSamples = samples.filter(({ time }) => time > startedAt + warmUpMs && time <= endsAt)
  const memoryGrowth = compareThirds(countedSamples, 'memory')
  const descriptorGrowth = compareThirds(countedSamples, 'descriptors')
  const report = toReport({ minutes, warmUpMs, tally, memory: memoryGrowth, descriptors: descriptorGrowth })
  print(report)
  if (minutes >= FULL_RUN_MINUTES) await Bun.write(join(root, 'bench/SOAK.md'), report)
  const hasGrown = [memoryGrowth, descriptorGrowth].some(({ growth }) => growth > MAX_GROWTH)
  if (hasGrown || tally.problems().length > 0) process.exitCode = 1
})
