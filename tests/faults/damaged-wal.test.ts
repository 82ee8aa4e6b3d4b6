import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { cpSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { type Matrix, startMatrix } from '../_support/e2e/matrix.ts'
import { flipByte } from '../_support/faults/flip-byte.ts'
import { tempDir } from '../_support/temp-dir.ts'

// One byte of the write-ahead log is another one than was written, or its end is missing. SQLite takes the log as far
// as its checksums are right (https://www.sqlite.org/walformat.html): what was acknowledged before that is there, and
// nothing after it, in particular no half of anything.

const socket = '/nonexistent/docker.sock'
const LATER_USERS = 12
let first: Matrix
let matrix: Matrix
let token: string
/** Where the log ended when a user was acknowledged. */
const acknowledged: { username: string; logEnd: number }[] = []

beforeAll(async () => {
  first = await startMatrix({ socket })
  token = await first.signIn('owner')
  // Its log goes into the database when it stops.
  expect(await first.stop()).toBe(0)
  matrix = await startMatrix({ socket, dataDir: first.dataDir })
  for (let number = 1; number <= LATER_USERS; number++) {
    const username = `user-${number}`
    expect((await matrix.addUser(token, username)).status).toBe(200)
    acknowledged.push({ username, logEnd: statSync(logOf(first.dataDir)).size })
  }
  await matrix.stop('SIGKILL')
})
afterAll(async () => {
  await matrix[Symbol.asyncDispose]()
  await first[Symbol.asyncDispose]()
})

const logOf = (dataDir: string) => join(dataDir, 'cikit-api.db-wal')
const untilEndOf = (username: string) => acknowledged.find(user => user.username === username)?.logEnd ?? 0

/** The users after a start over a copy of the data directory that something was done to. */
async function usersAfter(damage: (dataDir: string) => void): Promise<string[]> {
  using dir = tempDir()
  cpSync(matrix.dataDir, dir.path, { recursive: true })
  damage(dir.path)
  await using again = await startMatrix({ socket, dataDir: dir.path })
  const users = await again.usernames(token)
  expect((await again.addUser(token, 'next')).status).toBe(200)
  expect(await again.usernames(token)).toEqual([...users, 'next'])
  return users
}

const expectedUntil = (logEnd: number) => [
  'owner',
  ...acknowledged.filter(user => user.logEnd <= logEnd).map(({ username }) => username),
]

test('without damage all of them are there', async () => {
  expect(await usersAfter(() => undefined)).toEqual(expectedUntil(Number.POSITIVE_INFINITY))
  expect(expectedUntil(Number.POSITIVE_INFINITY)).toHaveLength(LATER_USERS + 1)
})

describe('what was acknowledged before the damage is there, and nothing else', () => {
  test.each([
    ['in the header', () => 0],
    ['in the salt', () => 16],
    ['in the first frame', () => 32 + 24 + 100],
    ['in the frame after the third user', () => untilEndOf('user-3') + 24 + 2_000],
    ['in the header of the frame after the seventh user', () => untilEndOf('user-7') + 4],
    ['in the last byte', () => untilEndOf(`user-${LATER_USERS}`) - 1],
  ])('a flipped byte %s', async (_, place) => {
    const at = place()
    expect(await usersAfter(dataDir => flipByte(logOf(dataDir), at))).toEqual(expectedUntil(at))
  })

  test.each([
    ['in the header', () => 20],
    ['in the middle of a frame', () => untilEndOf('user-5') + 3_000],
    ['between two users', () => untilEndOf('user-8')],
  ])('a log that ends %s', async (_, end) => {
    const length = end()
    expect(await usersAfter(dataDir => truncateSync(logOf(dataDir), length))).toEqual(expectedUntil(length))
  })
})

test('damage in what processes share of the log does no harm, since it is made anew', async () => {
  for (const at of [0, 40, 100, 16_500]) {
    const users = await usersAfter(dataDir => flipByte(join(dataDir, 'cikit-api.db-shm'), at))
    expect(users).toEqual(expectedUntil(Number.POSITIVE_INFINITY))
  }
})
