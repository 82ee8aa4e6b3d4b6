import { Database as Sqlite } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { currentCode, type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'
import { timed } from '../testkit/timed.ts'

// Another process (here the test) holds the write lock of the database.

const socket = '/nonexistent/docker.sock'
/** A read takes a few milliseconds, unless the server waits for the lock inside SQLite. */
const READ_LIMIT_MS = 500

test('a lock held for 3 seconds delays writes, but no reads', async () => {
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

test('a lock held for 20 seconds fails writes after 5 seconds, while reads continue; then everything works again', async () => {
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

  /** Repeats a concurrent add and login while the lock is held. @returns the milliseconds until each was rejected */
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

/** Reads repeatedly. @returns the milliseconds of the slowest read */
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
