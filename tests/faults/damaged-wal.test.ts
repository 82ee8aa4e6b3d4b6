import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { cpSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'
import { flipByte } from '../testkit/faults/flip-byte.ts'
import { tempDir } from '../testkit/temp-dir.ts'

// One byte of the write-ahead log is corrupt, or its end is missing. SQLite reads the log as far as its checksums are
// valid (https://www.sqlite.org/walformat.html): everything acknowledged before the damage survives, and nothing partial.

const socket = '/nonexistent/docker.sock'
const LATER_USERS = 12
let first: ServerProcess
let server: ServerProcess
let token: string
/** The size of the log when each user was acknowledged. */
const acknowledged: { username: string; walSize: number }[] = []

beforeAll(async () => {
  first = await startServerProcess({ socket })
  token = await first.logInAs('owner')
  // Stopping moves the log into the database.
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

/** Starts a server with a damaged copy of the data directory. @returns its users */
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

test('without damage all users are there', async () => {
  expect(await usersAfterDamage(() => undefined)).toEqual(expectedUpTo(Number.POSITIVE_INFINITY))
  expect(expectedUpTo(Number.POSITIVE_INFINITY)).toHaveLength(LATER_USERS + 1)
})

describe('only users acknowledged before the damage survive', () => {
  test.each([
    ['in the header', () => 0],
    ['in the salt', () => 16],
    ['in the first frame', () => 32 + 24 + 100],
    ['in the frame after the third user', () => walSizeAfter('user-3') + 24 + 2_000],
    ['in the header of the frame after the seventh user', () => walSizeAfter('user-7') + 4],
    ['in the last byte', () => walSizeAfter(`user-${LATER_USERS}`) - 1],
  ])('inverted byte %s', async (_, offsetOf) => {
    const offset = offsetOf()
    expect(await usersAfterDamage(dataDir => flipByte(walPath(dataDir), offset))).toEqual(expectedUpTo(offset))
  })

  test.each([
    ['in the header', () => 20],
    ['in the middle of a frame', () => walSizeAfter('user-5') + 3_000],
    ['between two users', () => walSizeAfter('user-8')],
  ])('log truncated %s', async (_, lengthOf) => {
    const length = lengthOf()
    expect(await usersAfterDamage(dataDir => truncateSync(walPath(dataDir), length))).toEqual(expectedUpTo(length))
  })
})

test('damage in the shared-memory index of the log is harmless, because it is rebuilt', async () => {
  for (const offset of [0, 40, 100, 16_500]) {
    const users = await usersAfterDamage(dataDir => flipByte(join(dataDir, 'cikit-api.db-shm'), offset))
    expect(users).toEqual(expectedUpTo(Number.POSITIVE_INFINITY))
  }
})
