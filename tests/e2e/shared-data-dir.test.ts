import { afterAll, beforeAll, expect, test } from 'bun:test'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type CreatedUser, type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'

// Host commands and the server use one data directory at the same time.

let server: ServerProcess
let token: string

beforeAll(async () => {
  server = await startServerProcess({ socket: '/nonexistent/docker.sock' })
  token = await server.logInAs('owner')
})
afterAll(() => server[Symbol.asyncDispose]())

test('20 runs of create-user during constant writes of the server all succeed and lose nothing', async () => {
  let done = false
  const added: string[] = []
  const serverLoad = (async () => {
    for (let number = 0; !done; number++) {
      const username = `by-api-${number}`
      const { status } = await server.call('POST', '/user/add', token, { username, group: 'viewer' })
      expect(status).toBe(200)
      added.push(username)
    }
  })()
  const runs = Array.from({ length: 20 }, (_, number) => server.createUser(`by-cli-${number}`, 'viewer'))
  const created = await Promise.all(runs)
  done = true
  await serverLoad
  expect(added.length).toBeGreaterThan(0)
  const { body } = await server.call('GET', '/user/list', token)
  const listed = (body as CreatedUser[]).map(({ username }) => username)
  expect(listed.toSorted()).toEqual(['owner', ...created.map(({ username }) => username), ...added].toSorted())
})

test('changes by create-user take effect with the next request', async () => {
  expect((await server.call('GET', '/user/list', token)).status).toBe(200)
  await server.createUser('owner', 'owner', '-r')
  expect((await server.call('GET', '/user/list', token)).body).toMatchObject({ errorId: 908 })
})

test('other users cannot access the data directory or its files', () => {
  expect(statSync(server.dataDir).mode & 0o777).toBe(0o700)
  const files = readdirSync(server.dataDir)
  expect(files).toContain('cikit-api.db-wal')
  for (const name of files) expect(statSync(join(server.dataDir, name)).mode & 0o077).toBe(0)
})

test('users and sessions survive kill -9', async () => {
  const viewer = await server.createUser('survivor', 'viewer')
  const { access_token } = await server.logIn(viewer)
  await server.stop('SIGKILL')
  await using restarted = await startServerProcess({ socket: '/nonexistent/docker.sock', dataDir: server.dataDir })
  expect((await restarted.call('GET', '/user/list', access_token)).body).toMatchObject({ errorId: 912 })
})
