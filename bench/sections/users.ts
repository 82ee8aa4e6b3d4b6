import { formatPercent, formatRate } from '../format.ts'
import type { MeasureSection } from '../section.ts'
import { startServer } from '../server.ts'
import { CONNECTIONS, compareThroughput, throughputMethod } from '../throughput.ts'

const USERS = 10
const MIN_SHARE_OF_BARE = 0.35

/** The list of users under load, against a server that only answers the same bytes. */
export const measureUsers: MeasureSection = async () => {
  await using server = await startServer()
  const token = await server.logInAs('owner')
  for (let number = 1; number < USERS; number++) await server.addUser(token, `user${number}`)
  const { ours, bare } = await compareThroughput(server, '/user/list', token)
  const share = ours.requestsPerSecond / bare.requestsPerSecond
  return {
    verdicts: [
      {
        description: `GET /user/list, ${USERS} users, ${CONNECTIONS} connections, against a bare Bun.serve`,
        target: `${formatPercent(MIN_SHARE_OF_BARE)} at least`,
        measured: formatPercent(share),
        isMet: share >= MIN_SHARE_OF_BARE,
      },
    ],
    tables: [
      {
        caption: `The list of ${USERS} users; ${throughputMethod} (wrk)`,
        columns: ['', 'requests', 'p50', 'p99'],
        rows: [
          ['ours', formatRate(ours.requestsPerSecond), ours.p50, ours.p99],
          ['the same bytes from a bare Bun.serve', formatRate(bare.requestsPerSecond), bare.p50, bare.p99],
        ],
      },
    ],
  }
}
