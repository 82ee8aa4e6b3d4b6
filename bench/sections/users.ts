import { formatPercent, formatRate } from '../format.ts'
import type { MeasureSection } from '../section.ts'
import { startServer } from '../server.ts'
import { CONNECTIONS, compareThroughput, throughputMethod } from '../throughput.ts'

const USERS = 10
const MIN_SHARE_OF_BARE = 0.35

/** The list of users under load, compared with a server that only sends the same bytes. */
export const measureUsers: MeasureSection = async () => {
  await using server = await startServer()
  const token = await server.logInAs('owner')
  for (let number = 1; number < USERS; number++) await server.addUser(token, `user${number}`)
  const { ours, bare } = await compareThroughput(server, '/user/list', token)
  const share = ours.requestsPerSecond / bare.requestsPerSecond
  return {
    verdicts: [
      {
        description: `GET /user/list, ${USERS} users, ${CONNECTIONS} connections, compared with a bare Bun.serve`,
        target: `at least ${formatPercent(MIN_SHARE_OF_BARE)}`,
        measured: formatPercent(share),
        isMet: share >= MIN_SHARE_OF_BARE,
      },
    ],
    tables: [
      {
        caption: `List of ${USERS} users; ${throughputMethod} (wrk)`,
        columns: ['', 'rate', 'p50', 'p99'],
        rows: [
          ['ours', formatRate(ours.requestsPerSecond), ours.p50, ours.p99],
          ['bare Bun.serve, same bytes', formatRate(bare.requestsPerSecond), bare.p50, bare.p99],
        ],
      },
    ],
  }
}
