import { run } from '../scripts/lib/run.ts'
import type { ServerProcess } from '../tests/testkit/e2e/server-process.ts'
import { startBareServer } from './bare-servers.ts'

export interface Throughput {
  requests: number
  requestsPerSecond: number
  /** In wrk's format: 1.23ms. */
  p50: string
  p99: string
}

export const CONNECTIONS = 16
export const ROUNDS = 5
const SECONDS = 4

/** The method of `compareThroughput`, for captions. */
export const throughputMethod = `${CONNECTIONS} connections, median of ${ROUNDS} alternating runs of ${SECONDS} s each`

/** Compares our list with a bare Bun.serve that sends the same bytes, in alternating runs. */
export async function compareThroughput(server: ServerProcess, path: string, token: string) {
  const { body } = await server.call('GET', path, token)
  await using bareServer = await startBareServer(JSON.stringify(body))
  const ourResults: Throughput[] = []
  const bareResults: Throughput[] = []
  for (let round = 0; round < ROUNDS; round++) {
    bareResults.push(await runWrk(bareServer.url, token, SECONDS))
    ourResults.push(await runWrk(`${server.url}${path}`, token, SECONDS))
  }
  return { ours: medianRun(ourResults), bare: medianRun(bareResults) }
}

/** Sends requests back to back on `CONNECTIONS` connections. */
export async function runWrk(url: string, token: string, seconds = 5): Promise<Throughput> {
  const flags = ['-t', '1', '-c', String(CONNECTIONS), '-d', `${seconds}s`, '--latency']
  const output = await run(['wrk', ...flags, '-H', `Authorization: Bearer ${token}`, url])
  if (output.includes('Non-2xx')) throw new Error(output)
  const match = (pattern: RegExp) => pattern.exec(output)?.[1] ?? ''
  return {
    requests: Number(match(/(\d+) requests in/)),
    requestsPerSecond: Number(match(/Requests\/sec:\s+([\d.]+)/)),
    p50: match(/^\s+50%\s+(\S+)/m),
    p99: match(/^\s+99%\s+(\S+)/m),
  }
}

/** The result with the median rate. */
export function medianRun(results: Throughput[]): Throughput {
  const sorted = results.toSorted((left, right) => left.requestsPerSecond - right.requestsPerSecond)
  const middle = sorted[Math.floor(sorted.length / 2)]
  if (!middle) throw new Error('no results to take the median of')
  return middle
}
