import { STEP_MS, waitForStepWith } from '../../tests/testkit/auth/time-step.ts'
import { codeAt } from '../../tests/testkit/auth/totp.ts'
import { insertsPerSecond, startBareInsertServer } from '../bare-servers.ts'
import { addressOf, type Connection, requestOf } from '../connection.ts'
import { formatMs, formatPercent, formatRate } from '../format.ts'
import { measureRequests, measureWork, openConnections, type RateResult, sendExpectingOk } from '../request-rate.ts'
import type { MeasureSection } from '../section.ts'
import { startServer } from '../server.ts'
import { median, quantile } from '../statistics.ts'
import { CONNECTIONS } from '../throughput.ts'
import { type EnrolledUser, enrolUsers } from '../users.ts'

const ROUNDS = 9
const USERS_PER_ROUND = 200
const INSERT_DURATION_MS = 300
const MIN_SHARE_OF_INSERTS = 0.5
const REFRESHES_PER_USER = 3
/** A round's logins take much less than this. */
const MIN_STEP_LEFT_MS = 5_000

type UserAction = (user: EnrolledUser, connection: Connection) => Promise<void>

interface Round extends RateResult {
  /** Durable one-row inserts per second: mean of a run right before and one right after. */
  insertRate: number
}

/** Durable logins and refreshes, compared with the durable inserts of a bare process on the same disk. */
export const measureLogins: MeasureSection = async () => {
  await using server = await startServer()
  const users = await enrolUsers(server, await server.logInAs('owner'), ROUNDS * USERS_PER_ROUND)
  const { address, path } = addressOf(server.url)
  await using insertServer = await startBareInsertServer()
  using connections = await openConnections(address, CONNECTIONS)

  const openSession = async (user: EnrolledUser, connection: Connection, route: string, json: unknown) => {
    const response = await sendExpectingOk(connection, requestOf('POST', `${path}/user/${route}`, { json }))
    const tokens: { refresh_token: string } = JSON.parse(response.text())
    user.refreshToken = tokens.refresh_token
  }
  // Two codes are valid at a time, each once: that of the current time step and that of the previous one.
  const logIn =
    (ageMs: number): UserAction =>
    (user, connection) => {
      const json = { username: user.username, code: codeAt(user.secret, Date.now() - ageMs) }
      return openSession(user, connection, 'auth', json)
    }
  const refresh: UserAction = (user, connection) => {
    const json = { grant_type: 'refresh_token', refresh_token: user.refreshToken }
    return openSession(user, connection, 'auth/refresh', json)
  }
  const kinds = [
    { name: 'POST /user/auth, 1 client', clientCount: 1, work: logIn(STEP_MS) },
    { name: `POST /user/auth, ${CONNECTIONS} clients`, clientCount: CONNECTIONS, work: logIn(0) },
    { name: 'POST /user/auth/refresh, 1 client', clientCount: 1, work: refresh, repetitions: REFRESHES_PER_USER },
    {
      name: `POST /user/auth/refresh, ${CONNECTIONS} clients`,
      clientCount: CONNECTIONS,
      work: refresh,
      repetitions: REFRESHES_PER_USER,
    },
  ].map(kind => ({ repetitions: 1, ...kind, rounds: [] as Round[] }))
  const bareInserts = [1, CONNECTIONS].map(clientCount => ({ clientCount, rounds: [] as RateResult[] }))

  for (let round = 0; round < ROUNDS; round++) {
    const roundUsers = users.slice(round * USERS_PER_ROUND, (round + 1) * USERS_PER_ROUND)
    // The previous step's code expires with this step.
    await waitForStepWith(MIN_STEP_LEFT_MS)
    let before = await insertsPerSecond(INSERT_DURATION_MS)
    for (const { clientCount, repetitions, work, rounds } of kinds) {
      const result = await measureWork(
        Array.from({ length: repetitions }, () => roundUsers).flat(),
        connections.connections.slice(0, clientCount),
        work,
      )
      const after = await insertsPerSecond(INSERT_DURATION_MS)
      rounds.push({ ...result, insertRate: (before + after) / 2 })
      before = after
    }
    for (const { clientCount, rounds } of bareInserts) {
      rounds.push(
        await measureRequests(
          INSERT_DURATION_MS / 1000,
          addressOf(insertServer.url).address,
          requestOf('GET', '/'),
          clientCount,
        ),
      )
    }
  }
  const medianShare = (rounds: Round[]) => median(rounds.map(({ perSecond, insertRate }) => perSecond / insertRate))
  return {
    verdicts: kinds.map(({ name, rounds }) => ({
      description: `${name}, compared with durable one-row inserts`,
      target: `at least ${formatPercent(MIN_SHARE_OF_INSERTS)}`,
      measured: formatPercent(medianShare(rounds)),
      isMet: medianShare(rounds) >= MIN_SHARE_OF_INSERTS,
    })),
    tables: [
      {
        caption: `Logins of ${USERS_PER_ROUND} users and ${REFRESHES_PER_USER} refreshes each, ${ROUNDS} rounds, each between two runs of inserts (SQLite, WAL, synchronous=FULL, bare process); rates and shares are those of the median round`,
        columns: ['', 'rate', 'median', 'p99', 'inserts', 'share'],
        rows: [
          ...kinds.map(({ name, rounds }) => {
            const inserts = median(rounds.map(round => round.insertRate))
            return [...toRow(name, rounds), formatRate(inserts), formatPercent(medianShare(rounds))]
          }),
          ...bareInserts.map(({ clientCount, rounds }) => [
            ...toRow(`insert behind a bare Bun.serve, ${clientCount} client${clientCount === 1 ? '' : 's'}`, rounds),
            '',
            '',
          ]),
        ],
      },
    ],
  }
}

function toRow(name: string, rounds: RateResult[]): string[] {
  const times = rounds.flatMap(round => round.times)
  return [
    name,
    formatRate(median(rounds.map(round => round.perSecond))),
    formatMs(median(times)),
    formatMs(quantile(times, 0.99)),
  ]
}
