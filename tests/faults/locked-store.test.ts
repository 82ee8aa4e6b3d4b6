import { Database as Sqlite } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { currentCode, type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'
import { timed } from '../testkit/timed.ts'

// Another process holds the write lock of the database: here it is the test itself.

const socket = '/nonexistent/docker.sock'
/** A read takes a few; waiting for the lock inside SQLite would take all the time that it is held. */
const READ_LIMIT_MS = 500

test('a lock held for 3 seconds only delays the writes, and no read', async () => {
  await using server = await startServerProcess({ socket })
  const token = await server.logInAs('owner')
  const viewer = await server.createUser('viewer', 'viewer')
  using storeLock = lockStore(server)
  const names = Array.from({ length: 20 }, (_, number) => `user-${number}`)
  const adds = names.map(username => timed(server.addUser(token, username)))
  const login = timed(server.logIn(viewer))
  expect(await slowestRead(server, token, 3_000)).toBeLessThan(READ_LIMIT_MS)
  storeLock.release()
  for (const { result, ms } of await Promise.all(adds)) {
    expect(result.status).toBe(200)
    expect(ms).toBeGreaterThan(2_500)
  }
  await login
  expect((await server.usernames(token)).toSorted()).toEqual(['owner', 'viewer', ...names].toSorted())
})

test('a lock held for 20 seconds: writes are refused after 5, reads go on, and then all is as before', async () => {
  await using server = await startServerProcess({ socket })
  const token = await server.logInAs('owner')
  const viewer = await server.createUser('viewer', 'viewer')
  using storeLock = lockStore(server)
  const writes = writeRepeatedly(20_000)
  expect(await slowestRead(server, token, 20_000)).toBeLessThan(READ_LIMIT_MS)
  storeLock.release()
  const rejectedTimes = await writes
  expect(rejectedTimes.length).toBeGreaterThan(2)
  expect((await server.addUser(token, 'late')).status).toBe(200)
  await server.logIn(viewer)
  expect(await server.usernames(token)).toEqual(['owner', 'viewer', 'late'])

  /** An add and a login at once, as often as they are refused within this time. */
  async function writeRepeatedly(durationMs: number): Promise<number[]> {
    const times: number[] = []
    const end = performance.now() + durationMs - 7_000
    while (performance.now() < end) {
      const code = await currentCode(viewer.secret)
      const [add, login] = await Promise.all([
        timed(server.addUser(token, 'early')),
        timed(server.call('POST', '/user/auth', undefined, { username: 'viewer', code })),
      ])
      for (const { result, ms } of [add, login]) {
        expect(result).toMatchObject({ status: 503, body: { errorId: 922 } })
        expect(ms).toBeWithin(4_900, 7_000)
        times.push(ms)
      }
    }
    return times
  }
})

function lockStore(server: ServerProcess) {
  const db = new Sqlite(join(server.dataDir, 'cikit-api.db'))
  db.run('BEGIN IMMEDIATE')
  return {
    release: () => void db.run('ROLLBACK'),
    [Symbol.dispose]: () => db.close(),
  }
}

/** Reads one after another. @returns the milliseconds of the slowest */
async function slowestRead(server: ServerProcess, token: string, durationMs: number): Promise<number> {
  let slowest = 0
  const end = performance.now() + durationMs
  while (performance.now() < end) {
    const { result, ms } = await timed(server.call('GET', '/user/list', token))
    expect(result.status).toBe(200)
    slowest = Math.max(slowest, ms)
    await Bun.sleep(5)
  }
  return slowest
}
