import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { installPackages } from '../scripts/lib/debian.ts'
import { root } from '../scripts/lib/paths.ts'
import { run } from '../scripts/lib/run.ts'
import { main, print, say } from '../scripts/lib/terminal.ts'
import { prepareEngines, SMALL_IMAGE, startEngine } from '../tests/_support/e2e/engines.ts'
import { startMatrix } from '../tests/_support/e2e/matrix.ts'
import { compareLifecycle, type Times } from './lifecycle.ts'
import { measureFirstAnswers, measureIdleMemory, residentMegabytes } from './process.ts'
import { median, quantile } from './statistics.ts'
import { compareThroughput, type Throughput } from './throughput.ts'

// All figures come from one run on one machine, ours and what they are compared with in turns. Writes bench/RESULTS.md.

const START_ROUNDS = 20
const LIFECYCLE_ROUNDS = 20
const DROPLETS = 20
const USERS = 10

await main(async () => {
  await installPackages(['wrk', 'oathtool'])
  say('Building')
  await run(['bun', 'scripts/build.ts'])
  await prepareEngines()
  const engine = await startEngine('host')
  try {
    say(`Starting ${START_ROUNDS} times`)
    const firstAnswers = await measureFirstAnswers(START_ROUNDS)
    const idle = await measureIdleMemory()
    await using matrix = await startMatrix({ socket: engine.socket, flags: ['--image', SMALL_IMAGE] })
    const token = await matrix.signIn('owner')
    say(`Add, stop and start, ${LIFECYCLE_ROUNDS} times each`)
    const lifecycle = await compareLifecycle(engine, matrix, token, LIFECYCLE_ROUNDS)
    say(`Lists of ${USERS} users and ${DROPLETS} droplets under load`)
    for (let number = 1; number < USERS; number++) {
      await matrix.call('POST', '/user/add', token, { username: `user${number}`, group: 'viewer' })
    }
    for (let number = 0; number < DROPLETS; number++) await matrix.droplets('POST', 'add', token)
    const users = await compareThroughput(matrix, '/user/list', token)
    const droplets = await compareThroughput(matrix, '/droplet/list', token)
    const report = toReport({ firstAnswers, idle, loaded: residentMegabytes(matrix), lifecycle, users, droplets })
    await Bun.write(join(root, 'bench/RESULTS.md'), report)
    print(report)
  } finally {
    await engine.clear()
    await engine.stop()
  }
})

function toReport(results: {
  firstAnswers: number[]
  idle: number
  loaded: number
  lifecycle: Times
  users: { ours: Throughput; bare: Throughput }
  droplets: { ours: Throughput; bare: Throughput }
}): string {
  const { firstAnswers, idle, loaded, lifecycle, users, droplets } = results
  const ms = (value: number) => `${value.toFixed(0)} ms`
  const load = (name: string, { ours, bare }: { ours: Throughput; bare: Throughput }) => [
    `| ${name}, ours | ${ours.requestsPerSecond.toFixed(0)}/s | ${ours.p50} | ${ours.p99} | ${percent(ours.requestsPerSecond / bare.requestsPerSecond)} |`,
    `| the same bytes from a bare Bun.serve | ${bare.requestsPerSecond.toFixed(0)}/s | ${bare.p50} | ${bare.p99} | |`,
  ]
  const change = (step: keyof Times) => {
    const { ours, straight } = lifecycle[step]
    const cells = [median(straight), quantile(straight, 0.99), median(ours), quantile(ours, 0.99)].map(ms)
    return `| ${step} | ${cells.join(' | ')} | ${(median(ours) / median(straight)).toFixed(2)} |`
  }
  return `# Results of \`npm run bench\`

One run, on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()},
Bun ${Bun.version}. The machine is shared, so a ratio in one run says more than a time.

| | median | p99 |
|---|---|---|
| start to first answer (${START_ROUNDS} times) | ${ms(median(firstAnswers))} | ${ms(quantile(firstAnswers, 0.99))} |
| resident memory, idle | ${idle.toFixed(0)} MB | |
| resident memory, after the load below | ${loaded.toFixed(0)} MB | |

16 connections, 3 times 5 seconds each in turns, the middle one:

| | requests | p50 | p99 | share of bare |
|---|---|---|---|---|
${load(`GET /user/list, ${USERS} users`, users).join('\n')}
${load(`GET /droplet/list, ${DROPLETS} droplets`, droplets).join('\n')}

A droplet of a small image, against the same calls made straight to the engine, in turns, ${LIFECYCLE_ROUNDS} times:

| | straight, median | p99 | ours, median | p99 | ratio |
|---|---|---|---|---|---|
${(['add', 'stop', 'start'] as const).map(change).join('\n')}
`
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)}%`
}
