import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { cpSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'
import { flipByte } from '../testkit/faults/flip-byte.ts'
import { tempDir } from '../testkit/temp-dir.ts'

// One byte of the write-ahead log is another one than was written, or its end is missing. SQLite takes the log as far
// as its checksums are right (https://www.sqlite.org/walformat.html): what was acknowledged before that is there, and
// nothing after it, in particular no half of anything.

const socket = '/nonexistent/docker.sock'
const LATER_USERS = 12
let first: ServerProcess
let server: ServerProcess
let token: string
/** Where the log ended when a user was acknowledged. */
const acknowledged: { username: string; walSize: number }[] = []

beforeAll(async () => {
  first = await startServerProcess({ socket })
  token = await first.logInAs('owner')
  // Its log goes into the database when it stops.
  expect(await first.stop()).toBe(0)
  server = await startServerProcess({ socket, dataDir: first.dataDir })
  for (let number = 1; number <= LATER_USERS; number++) {
    const username = `user-${number}`
    expect((await server.addUser(token, username)).status).toBe(200)
    acknowledged.push({ username, walSize: statSync(walPath(first.dataDir)).size })
  }
  await server.stop('SIGKILL')
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await first[Symbol.asyncDispose]()
})

const walPath = (dataDir: string) => join(dataDir, 'cikit-api.db-wal')
const walSizeAfter = (username: string) => acknowledged.find(user => user.username === username)?.walSize ?? 0

/** The users after a start over a copy of the data directory that something was done to. */
async function usersAfterDamage(damage: (dataDir: string) => void): Promise<string[]> {
  using dir = tempDir()
  cpSync(server.dataDir, dir.path, { recursive: true })
  damage(dir.path)
  await using restarted = await startServerProcess({ socket, dataDir: dir.path })
  const users = await restarted.usernames(token)
  expect((await restarted.addUser(token, 'next')).status).toBe(200)
  expect(await restarted.usernames(token)).toEqual([...users, 'next'])
  return users
}

const expectedUpTo = (walSize: number) => [
  'owner',
  ...acknowledged.filter(user => user.walSize <= walSize).map(({ username }) => username),
]

test('without damage all of them are there', async () => {
  expect(await usersAfterDamage(() => undefined)).toEqual(expectedUpTo(Number.POSITIVE_INFINITY))
  expect(expectedUpTo(Number.POSITIVE_INFINITY)).toHaveLength(LATER_USERS + 1)
})

describe('what was acknowledged before the damage is there, and nothing else', () => {
  test.each([
    ['in the header', () => 0],
    ['in the salt', () => 16],
    ['in the first frame', () => 32 + 24 + 100],
    ['in the frame after the third user', () => walSizeAfter('user-3') + 24 + 2_000],
    ['in the header of the frame after the seventh user', () => walSizeAfter('user-7') + 4],
    ['in the last byte', () => walSizeAfter(`user-${LATER_USERS}`) - 1],
  ])('a flipped byte %s', async (_, offsetOf) => {
    const offset = offsetOf()
    expect(await usersAfterDamage(dataDir => flipByte(walPath(dataDir), offset))).toEqual(expectedUpTo(offset))
  })

  test.each([
    ['in the header', () => 20],
    ['in the middle of a frame', () => walSizeAfter('user-5') + 3_000],
    ['between two users', () => walSizeAfter('user-8')],
  ])('a log that ends %s', async (_, lengthOf) => {
    const length = lengthOf()
    expect(await usersAfterDamage(dataDir => truncateSync(walPath(dataDir), length))).toEqual(expectedUpTo(length))
  })
})

test('damage in what processes share of the log does no harm, since it is made anew', async () => {
  for (const offset of [0, 40, 100, 16_500]) {
    const users = await usersAfterDamage(dataDir => flipByte(join(dataDir, 'cikit-api.db-shm'), offset))
    expect(users).toEqual(expectedUpTo(Number.POSITIVE_INFINITY))
  }
})
