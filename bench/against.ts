import { installPackages } from '../scripts/lib/debian.ts'
import { binary } from '../scripts/lib/paths.ts'
import { run } from '../scripts/lib/run.ts'
import { logStep, print, runScript, scriptArguments, UserError } from '../scripts/lib/terminal.ts'
import { STEP_MS, waitForStepWith } from '../tests/testkit/auth/time-step.ts'
import { buildEarlier } from './against/earlier-build.ts'
import { type RevisionServer, startRevisionServers } from './against/revision-server.ts'
import type { RateResult } from './request-rate.ts'
import { median, quantile } from './statistics.ts'
import { medianRun, type Throughput } from './throughput.ts'

// Compares this tree with an earlier revision in one run: `npm run bench:against -- v0.1.0`. Writes no files.

const ROUNDS = 7

interface RevisionResults {
  list: Throughput[]
  sequentialLogins: RateResult[]
  concurrentLogins: RateResult[]
  sequentialRefreshes: RateResult[]
  concurrentRefreshes: RateResult[]
}

await runScript(async () => {
  const revision = scriptArguments()[0]
  if (!revision) throw new UserError('The revision to compare with is missing. Usage: npm run bench:against -- v0.1.0')
  await installPackages(['wrk', 'oathtool'])
  logStep('Building both revisions')
  await run(['bun', 'scripts/build.ts'])
  using earlierBuild = await buildEarlier(revision)
  await using earlierServer = await startRevisionServers(`${revision} (${earlierBuild.commit})`, earlierBuild.program)
  await using currentServer = await startRevisionServers('this tree', binary)
  const results = new Map([earlierServer, currentServer].map(server => [server, createResults()]))
  for (let round = 1; round <= ROUNDS; round++) {
    logStep(`Round ${round} of ${ROUNDS}`)
    // Alternates which of the two goes first.
    const serversInTurn = round % 2 === 0 ? [earlierServer, currentServer] : [currentServer, earlierServer]
    // In a new time step, all codes are unused.
    await waitForStepWith(STEP_MS)
    for (const server of serversInTurn) await measureSessionRequests(server, results.get(server) ?? createResults())
    for (const server of serversInTurn) results.get(server)?.list.push(await server.measureList())
  }
  print(
    toTable(
      earlierServer.name,
      results.get(earlierServer) ?? createResults(),
      results.get(currentServer) ?? createResults(),
    ),
  )
})

async function measureSessionRequests(server: RevisionServer, results: RevisionResults): Promise<void> {
  const logins = await server.measureLogins()
  results.sequentialLogins.push(logins.sequential)
  results.concurrentLogins.push(logins.concurrent)
  const refreshes = await server.measureRefreshes()
  results.sequentialRefreshes.push(refreshes.sequential)
  results.concurrentRefreshes.push(refreshes.concurrent)
}

function createResults(): RevisionResults {
  return { list: [], sequentialLogins: [], concurrentLogins: [], sequentialRefreshes: [], concurrentRefreshes: [] }
}

function toTable(name: string, earlierResults: RevisionResults, currentResults: RevisionResults): string {
  const row = (label: string, key: keyof RevisionResults) => {
    const [earlierSummary, currentSummary] = [summary(earlierResults[key]), summary(currentResults[key])]
    const change = `${((currentSummary.rate / earlierSummary.rate - 1) * 100).toFixed(0)}%`
    return `| ${[label, ...earlierSummary.cells, ...currentSummary.cells, change].join(' | ')} |`
  }
  return `
${ROUNDS} alternating rounds. The rate is that of the median round; median and p99 cover the responses of all rounds.

| | ${name} | median | p99 | this tree | median | p99 | rate |
|---|---|---|---|---|---|---|---|
${row('GET /user/list of 10 users, 16 connections', 'list')}
${row('logins, sequential', 'sequentialLogins')}
${row('logins, 16 at a time', 'concurrentLogins')}
${row('refreshes, sequential', 'sequentialRefreshes')}
${row('refreshes, 16 at a time', 'concurrentRefreshes')}`
}

function summary(rounds: (Throughput | RateResult)[]): { rate: number; cells: string[] } {
  const rates = rounds.flatMap(round => ('times' in round ? round : []))
  if (rates.length === 0) {
    const { requestsPerSecond, p50, p99 } = medianRun(rounds.flatMap(round => ('p50' in round ? round : [])))
    return { rate: requestsPerSecond, cells: [`${requestsPerSecond.toFixed(0)}/s`, p50, p99] }
  }
  const rate = median(rates.map(({ perSecond }) => perSecond))
  const times = rates.flatMap(rate => rate.times)
  const ms = (quantileRank: number) => `${quantile(times, quantileRank).toFixed(1)}ms`
  return { rate, cells: [`${rate.toFixed(0)}/s`, ms(0.5), ms(0.99)] }
}
