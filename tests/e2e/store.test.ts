import { afterAll, beforeAll, expect, test } from 'bun:test'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Enrolment, type Matrix, startMatrix } from '../_support/e2e/matrix.ts'

// The command line and the server on one data directory at once.

let matrix: Matrix
let token: string

beforeAll(async () => {
  matrix = await startMatrix({ socket: '/nonexistent/docker.sock' })
  token = await matrix.signIn('owner')
})
afterAll(() => matrix[Symbol.asyncDispose]())

test('20 runs of create-user beside a server that writes all the time: nothing is refused, nothing is lost', async () => {
  let done = false
  const added: string[] = []
  const server = (async () => {
    for (let number = 0; !done; number++) {
      const username = `by-api-${number}`
      const { status } = await matrix.call('POST', '/user/add', token, { username, group: 'viewer' })
      expect(status).toBe(200)
      added.push(username)
    }
  })()
  const runs = Array.from({ length: 20 }, (_, number) => matrix.createUser(`by-cli-${number}`, 'viewer'))
  const made = await Promise.all(runs)
  done = true
  await server
  expect(added.length).toBeGreaterThan(0)
  const { body } = await matrix.call('GET', '/user/list', token)
  const listed = (body as Enrolment[]).map(({ username }) => username)
  expect(listed.toSorted()).toEqual(['owner', ...made.map(({ username }) => username), ...added].toSorted())
})

test('what create-user changes counts from the next request on', async () => {
  expect((await matrix.call('GET', '/user/list', token)).status).toBe(200)
  await matrix.createUser('owner', 'owner', '-r')
  expect((await matrix.call('GET', '/user/list', token)).body).toMatchObject({ errorId: 908 })
})

test('the data directory and all in it are closed to others', () => {
  expect(statSync(matrix.dataDir).mode & 0o777).toBe(0o700)
  const files = readdirSync(matrix.dataDir)
  expect(files).toContain('cikit-api.db-wal')
  for (const name of files) expect(statSync(join(matrix.dataDir, name)).mode & 0o077).toBe(0)
})

test('users and sessions outlive a kill -9', async () => {
  const viewer = await matrix.createUser('survivor', 'viewer')
  const { access_token } = await matrix.logIn(viewer)
  await matrix.stop('SIGKILL')
  await using again = await startMatrix({ socket: '/nonexistent/docker.sock', dataDir: matrix.dataDir })
  expect((await again.call('GET', '/user/list', access_token)).body).toMatchObject({ errorId: 912 })
})
