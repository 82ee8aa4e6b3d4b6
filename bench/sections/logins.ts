import { codeAt } from '../../tests/_support/codes.ts'
import { insertsPerSecond, startInserting } from '../bare.ts'
import { type Connection, placeOf, requestOf } from '../connection.ts'
import { askFor, openConnections, type Pace, pace, succeed } from '../pace.ts'
import { enrol, type Person, STEP_MS, stepLasts } from '../people.ts'
import type { Section } from '../section.ts'
import { startServer } from '../server.ts'
import { median, quantile } from '../statistics.ts'
import { CONNECTIONS } from '../throughput.ts'
import { ms, percent, perSecond } from '../words.ts'

const ROUNDS = 9
const PEOPLE_A_ROUND = 200
const INSERT_MS = 300
const SHARE_OF_INSERT = 0.5
const REFRESHES_EACH = 3
/** The logins of a round are done long before. */
const STEP_LASTS_MS = 5_000

type Work = (person: Person, connection: Connection) => Promise<void>

interface Round extends Pace {
  /** Durable one-row inserts in a second, the mean of just before and just after. */
  inserts: number
}

/** Logins and refreshes, all durable, against what this disk lets a bare process insert at the same time. */
export const measureLogins: Section = async () => {
  await using matrix = await startServer()
  const people = await enrol(matrix, await matrix.signIn('owner'), ROUNDS * PEOPLE_A_ROUND)
  const { address, path } = placeOf(matrix.url)
  await using inserting = await startInserting()
  using connections = await openConnections(address, CONNECTIONS)

  const open = async (person: Person, connection: Connection, route: string, json: unknown) => {
    const answer = await succeed(connection, requestOf('POST', `${path}/user/${route}`, { json }))
    person.refreshToken = JSON.parse(answer.text()).refresh_token
  }
  // A user has two codes at a time, each good once: that of the present step and that of the one before it.
  const logIn =
    (age: number): Work =>
    (person, connection) => {
      const json = { username: person.username, code: codeAt(person.secret, Date.now() - age) }
      return open(person, connection, 'auth', json)
    }
  const refresh: Work = (person, connection) => {
    const json = { grant_type: 'refresh_token', refresh_token: person.refreshToken }
    return open(person, connection, 'auth/refresh', json)
  }
  const kinds = [
    { name: 'POST /user/auth, 1 client', atOnce: 1, work: logIn(STEP_MS) },
    { name: `POST /user/auth, ${CONNECTIONS} clients`, atOnce: CONNECTIONS, work: logIn(0) },
    { name: 'POST /user/auth/refresh, 1 client', atOnce: 1, work: refresh, again: REFRESHES_EACH },
    {
      name: `POST /user/auth/refresh, ${CONNECTIONS} clients`,
      atOnce: CONNECTIONS,
      work: refresh,
      again: REFRESHES_EACH,
    },
  ].map(kind => ({ again: 1, ...kind, rounds: [] as Round[] }))
  const behindBare = [1, CONNECTIONS].map(atOnce => ({ atOnce, rounds: [] as Pace[] }))

  for (let round = 0; round < ROUNDS; round++) {
    const present = people.slice(round * PEOPLE_A_ROUND, (round + 1) * PEOPLE_A_ROUND)
    // A code of the step before is none any more in the next one.
    await stepLasts(STEP_LASTS_MS)
    let before = await insertsPerSecond(INSERT_MS)
    for (const { atOnce, again, work, rounds } of kinds) {
      const paced = await pace(
        Array.from({ length: again }, () => present).flat(),
        connections.all.slice(0, atOnce),
        work,
      )
      const after = await insertsPerSecond(INSERT_MS)
      rounds.push({ ...paced, inserts: (before + after) / 2 })
      before = after
    }
    for (const { atOnce, rounds } of behindBare) {
      rounds.push(await askFor(INSERT_MS / 1000, placeOf(inserting.url).address, requestOf('GET', '/'), atOnce))
    }
  }
  const share = (rounds: Round[]) => median(rounds.map(({ perSecond, inserts }) => perSecond / inserts))
  return {
    verdicts: kinds.map(({ name, rounds }) => ({
      what: `${name}, against durable one-row inserts`,
      reach: `${percent(SHARE_OF_INSERT)} at least`,
      measured: percent(share(rounds)),
      met: share(rounds) >= SHARE_OF_INSERT,
    })),
    tables: [
      {
        about: `Logins, and ${REFRESHES_EACH} refreshes each, of ${ROUNDS} times ${PEOPLE_A_ROUND} users, each time between two runs of inserts (SQLite, WAL, synchronous=FULL, in a bare process); shares and rates are the median round's`,
        head: ['', 'rate', 'median', 'p99', 'inserts', 'share'],
        rows: [
          ...kinds.map(({ name, rounds }) => {
            const inserts = median(rounds.map(round => round.inserts))
            return [...row(name, rounds), perSecond(inserts), percent(share(rounds))]
          }),
          ...behindBare.map(({ atOnce, rounds }) => [
            ...row(`such an insert behind a bare Bun.serve, ${atOnce} client${atOnce === 1 ? '' : 's'}`, rounds),
            '',
            '',
          ]),
        ],
      },
    ],
  }
}

function row(name: string, rounds: Pace[]): string[] {
  const times = rounds.flatMap(round => round.times)
  return [name, perSecond(median(rounds.map(round => round.perSecond))), ms(median(times)), ms(quantile(times, 0.99))]
}
