import type { Section } from '../section.ts'
import { startServer } from '../server.ts'
import { CONNECTIONS, compareThroughput, throughputWords } from '../throughput.ts'
import { percent, perSecond } from '../words.ts'

const USERS = 10
const SHARE_OF_BARE = 0.35

/** The list of users under load, against a server that only answers the same bytes. */
export const measureUsers: Section = async () => {
  await using matrix = await startServer()
  const token = await matrix.signIn('owner')
  for (let number = 1; number < USERS; number++) await matrix.addUser(token, `user${number}`)
  const { ours, bare } = await compareThroughput(matrix, '/user/list', token)
  const share = ours.requestsPerSecond / bare.requestsPerSecond
  return {
    verdicts: [
      {
        what: `GET /user/list, ${USERS} users, ${CONNECTIONS} connections, against a bare Bun.serve`,
        reach: `${percent(SHARE_OF_BARE)} at least`,
        measured: percent(share),
        met: share >= SHARE_OF_BARE,
      },
    ],
    tables: [
      {
        about: `The list of ${USERS} users; ${throughputWords} (wrk)`,
        head: ['', 'requests', 'p50', 'p99'],
        rows: [
          ['ours', perSecond(ours.requestsPerSecond), ours.p50, ours.p99],
          ['the same bytes from a bare Bun.serve', perSecond(bare.requestsPerSecond), bare.p50, bare.p99],
        ],
      },
    ],
  }
}
