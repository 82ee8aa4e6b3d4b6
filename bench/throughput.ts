import { run } from '../scripts/lib/run.ts'
import type { Matrix } from '../tests/_support/e2e/matrix.ts'
import { startBare } from './bare.ts'

export interface Throughput {
  requests: number
  requestsPerSecond: number
  /** As wrk words it: 1.23ms. */
  p50: string
  p99: string
}

export const CONNECTIONS = 16
export const ROUNDS = 5
const SECONDS = 4

/** How `compareThroughput` measures. */
export const throughputWords = `${CONNECTIONS} connections, ${ROUNDS} times ${SECONDS} seconds each in turns, the middle one`

/** The same list from us and, in turns with it, from a bare Bun.serve that answers the same bytes. */
export async function compareThroughput(matrix: Matrix, path: string, token: string) {
  const { body } = await matrix.call('GET', path, token)
  await using bare = await startBare(JSON.stringify(body))
  const ours: Throughput[] = []
  const theirs: Throughput[] = []
  for (let round = 0; round < ROUNDS; round++) {
    theirs.push(await load(bare.url, token, SECONDS))
    ours.push(await load(`${matrix.url}${path}`, token, SECONDS))
  }
  return { ours: middle(ours), bare: middle(theirs) }
}

/** Sixteen connections that ask without a pause. */
export async function load(url: string, token: string, seconds = 5): Promise<Throughput> {
  const flags = ['-t', '1', '-c', String(CONNECTIONS), '-d', `${seconds}s`, '--latency']
  const out = await run(['wrk', ...flags, '-H', `Authorization: Bearer ${token}`, url])
  if (out.includes('Non-2xx')) throw new Error(out)
  const read = (pattern: RegExp) => pattern.exec(out)?.[1] ?? ''
  return {
    requests: Number(read(/(\d+) requests in/)),
    requestsPerSecond: Number(read(/Requests\/sec:\s+([\d.]+)/)),
    p50: read(/^\s+50%\s+(\S+)/m),
    p99: read(/^\s+99%\s+(\S+)/m),
  }
}

/** The result with the median rate. */
export function middle(results: Throughput[]): Throughput {
  const sorted = results.toSorted((left, right) => left.requestsPerSecond - right.requestsPerSecond)
  return sorted[Math.floor(sorted.length / 2)] as Throughput
}
