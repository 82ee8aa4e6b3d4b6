import { join } from 'node:path'
import { run } from '../../scripts/lib/run.ts'
import { codeAt } from '../../tests/_support/codes.ts'
import { tempDir } from '../../tests/_support/temp-dir.ts'
import { type Connection, placeOf, requestOf } from '../connection.ts'
import { openConnections, type Pace, pace, succeed } from '../pace.ts'
import { enrol, type Person } from '../people.ts'
import type { Section } from '../section.ts'
import { startServer } from '../server.ts'
import { median, quantile } from '../statistics.ts'
import { CONNECTIONS } from '../throughput.ts'
import { ms, percent, perSecond } from '../words.ts'

const ROUNDS = 9
const PEOPLE_A_ROUND = 200
const INSERT_MS = 300
const SHARE_OF_INSERT = 0.5
const STEP_MS = 30_000

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
    { name: 'POST /user/auth/refresh, 1 client', atOnce: 1, work: refresh },
    { name: `POST /user/auth/refresh, ${CONNECTIONS} clients`, atOnce: CONNECTIONS, work: refresh },
  ].map(kind => ({ ...kind, rounds: [] as Round[] }))

  for (let round = 0; round < ROUNDS; round++) {
    const present = people.slice(round * PEOPLE_A_ROUND, (round + 1) * PEOPLE_A_ROUND)
    let before = await insertsPerSecond()
    for (const { atOnce, work, rounds } of kinds) {
      const paced = await pace(present, connections.all.slice(0, atOnce), work)
      const after = await insertsPerSecond()
      rounds.push({ ...paced, inserts: (before + after) / 2 })
      before = after
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
        about: `Logins and refreshes, ${ROUNDS} times ${PEOPLE_A_ROUND}, each time between two runs of inserts (SQLite, WAL, synchronous=FULL, in a bare process); shares and rates are the median round's`,
        head: ['', 'rate', 'median', 'p99', 'inserts', 'share'],
        rows: kinds.map(({ name, rounds }) => {
          const times = rounds.flatMap(round => round.times)
          const rates = [rounds.map(({ perSecond }) => perSecond), rounds.map(({ inserts }) => inserts)]
          const [ours, inserts] = rates.map(values => perSecond(median(values)))
          return [name, ours ?? '', ms(median(times)), ms(quantile(times, 0.99)), inserts ?? '', percent(share(rounds))]
        }),
      },
    ],
  }
}

async function insertsPerSecond(): Promise<number> {
  using dir = tempDir()
  const program = join(import.meta.dir, '../bare-insert.ts')
  return Number(await run([process.execPath, program, join(dir.path, 'bare.db'), String(INSERT_MS)]))
}
