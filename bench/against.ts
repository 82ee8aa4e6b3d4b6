import { installPackages } from '../scripts/lib/debian.ts'
import { binary } from '../scripts/lib/paths.ts'
import { run } from '../scripts/lib/run.ts'
import { main, Obstacle, print, say } from '../scripts/lib/terminal.ts'
import { buildEarlier } from './against/earlier.ts'
import { type Side, startSide } from './against/people.ts'
import type { Pace } from './pace.ts'
import { STEP_MS, stepLasts } from './people.ts'
import { median, quantile } from './statistics.ts'
import { middle, type Throughput } from './throughput.ts'

// This tree against an earlier revision, in turns in one run: `npm run bench:against -- v0.1.0`. Writes nothing.

const ROUNDS = 7

interface Results {
  list: Throughput[]
  loginsAlone: Pace[]
  loginsTogether: Pace[]
  refreshesAlone: Pace[]
  refreshesTogether: Pace[]
}

await main(async () => {
  const revision = process.argv[2]
  if (!revision) throw new Obstacle('Name the revision to compare with: npm run bench:against -- v0.1.0')
  await installPackages(['wrk', 'oathtool'])
  say('Building both')
  await run(['bun', 'scripts/build.ts'])
  using earlier = await buildEarlier(revision)
  await using before = await startSide(`${revision} (${earlier.commit})`, earlier.program)
  await using after = await startSide('this tree', binary)
  const results = new Map([before, after].map(side => [side, emptyResults()]))
  for (let round = 1; round <= ROUNDS; round++) {
    say(`Round ${round} of ${ROUNDS}`)
    // Each is the first one as often as the other.
    const turns = round % 2 === 0 ? [before, after] : [after, before]
    // All codes are fresh again.
    await stepLasts(STEP_MS)
    for (const side of turns) await measureSessions(side, results.get(side) ?? emptyResults())
    for (const side of turns) results.get(side)?.list.push(await side.list())
  }
  print(toTable(before.name, results.get(before) ?? emptyResults(), results.get(after) ?? emptyResults()))
})

async function measureSessions(side: Side, results: Results): Promise<void> {
  const logins = await side.logIns()
  results.loginsAlone.push(logins.alone)
  results.loginsTogether.push(logins.together)
  const refreshes = await side.refreshes()
  results.refreshesAlone.push(refreshes.alone)
  results.refreshesTogether.push(refreshes.together)
}

function emptyResults(): Results {
  return { list: [], loginsAlone: [], loginsTogether: [], refreshesAlone: [], refreshesTogether: [] }
}

function toTable(name: string, before: Results, after: Results): string {
  const row = (what: string, key: keyof Results) => {
    const [old, present] = [summary(before[key]), summary(after[key])]
    const change = `${((present.rate / old.rate - 1) * 100).toFixed(0)}%`
    return `| ${[what, ...old.cells, ...present.cells, change].join(' | ')} |`
  }
  return `
${ROUNDS} rounds in turns; the rate is the median round's, median and p99 are of all its answers.

| | ${name} | median | p99 | this tree | median | p99 | rate |
|---|---|---|---|---|---|---|---|
${row('GET /user/list of 10 users, 16 connections', 'list')}
${row('logins, one after another', 'loginsAlone')}
${row('logins, 16 at a time', 'loginsTogether')}
${row('refreshes, one after another', 'refreshesAlone')}
${row('refreshes, 16 at a time', 'refreshesTogether')}`
}

function summary(rounds: (Throughput | Pace)[]): { rate: number; cells: string[] } {
  const paces = rounds.flatMap(round => ('times' in round ? round : []))
  if (paces.length === 0) {
    const { requestsPerSecond, p50, p99 } = middle(rounds.flatMap(round => ('p50' in round ? round : [])))
    return { rate: requestsPerSecond, cells: [`${requestsPerSecond.toFixed(0)}/s`, p50, p99] }
  }
  const rate = median(paces.map(({ perSecond }) => perSecond))
  const times = paces.flatMap(pace => pace.times)
  const ms = (share: number) => `${quantile(times, share).toFixed(1)}ms`
  return { rate, cells: [`${rate.toFixed(0)}/s`, ms(0.5), ms(0.99)] }
}
