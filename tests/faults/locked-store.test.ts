import { Database as Sqlite } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { currentCode, type Matrix, startMatrix } from '../_support/e2e/matrix.ts'
import { timed } from '../_support/timed.ts'

// Another process holds the write lock of the database: here it is the test itself.

const socket = '/nonexistent/docker.sock'
/** A read takes a few; waiting for the lock inside SQLite would take all the time that it is held. */
const READ_LIMIT_MS = 500

test('a lock held for 3 seconds only delays the writes, and no read', async () => {
  await using matrix = await startMatrix({ socket })
  const token = await matrix.signIn('owner')
  const viewer = await matrix.createUser('viewer', 'viewer')
  using lock = lockStore(matrix)
  const names = Array.from({ length: 20 }, (_, number) => `user-${number}`)
  const adds = names.map(username => timed(matrix.addUser(token, username)))
  const login = timed(matrix.logIn(viewer))
  expect(await slowestRead(matrix, token, 3_000)).toBeLessThan(READ_LIMIT_MS)
  lock.release()
  for (const { answer, ms } of await Promise.all(adds)) {
    expect(answer.status).toBe(200)
    expect(ms).toBeGreaterThan(2_500)
  }
  await login
  expect((await matrix.usernames(token)).toSorted()).toEqual(['owner', 'viewer', ...names].toSorted())
})

test('a lock held for 20 seconds: writes are refused after 5, reads go on, and then all is as before', async () => {
  await using matrix = await startMatrix({ socket })
  const token = await matrix.signIn('owner')
  const viewer = await matrix.createUser('viewer', 'viewer')
  using lock = lockStore(matrix)
  const writes = writeInTurn(20_000)
  expect(await slowestRead(matrix, token, 20_000)).toBeLessThan(READ_LIMIT_MS)
  lock.release()
  const refused = await writes
  expect(refused.length).toBeGreaterThan(2)
  expect((await matrix.addUser(token, 'late')).status).toBe(200)
  await matrix.logIn(viewer)
  expect(await matrix.usernames(token)).toEqual(['owner', 'viewer', 'late'])

  /** An add and a login at once, as often as they are refused within this time. */
  async function writeInTurn(durationMs: number): Promise<number[]> {
    const times: number[] = []
    const end = performance.now() + durationMs - 7_000
    while (performance.now() < end) {
      const code = await currentCode(viewer.secret)
      const [add, login] = await Promise.all([
        timed(matrix.addUser(token, 'early')),
        timed(matrix.call('POST', '/user/auth', undefined, { username: 'viewer', code })),
      ])
      for (const { answer, ms } of [add, login]) {
        expect(answer).toMatchObject({ status: 503, body: { errorId: 922 } })
        expect(ms).toBeWithin(4_900, 7_000)
        times.push(ms)
      }
    }
    return times
  }
})

function lockStore(matrix: Matrix) {
  const db = new Sqlite(join(matrix.dataDir, 'cikit-api.db'))
  db.run('BEGIN IMMEDIATE')
  return {
    release: () => void db.run('ROLLBACK'),
    [Symbol.dispose]: () => db.close(),
  }
}

/** Reads one after another. @returns the milliseconds of the slowest */
async function slowestRead(matrix: Matrix, token: string, durationMs: number): Promise<number> {
  let slowest = 0
  const end = performance.now() + durationMs
  while (performance.now() < end) {
    const { answer, ms } = await timed(matrix.call('GET', '/user/list', token))
    expect(answer.status).toBe(200)
    slowest = Math.max(slowest, ms)
    await Bun.sleep(5)
  }
  return slowest
}
