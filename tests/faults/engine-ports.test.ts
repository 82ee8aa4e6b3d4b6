import { afterAll, beforeAll, expect, test } from 'bun:test'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../../scripts/lib/run.ts'
import { SMALL_IMAGE, startEngine, type TestEngine } from '../testkit/e2e/engines.ts'
import { type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'

// Host ports that are in use by others. The engine notices this only when the droplet starts.

let engine: TestEngine
let server: ServerProcess
let token: string

const docker = async (...args: string[]) => (await run(['docker', '-H', `unix://${engine.socket}`, ...args])).trim()
const containerNames = async () => (await docker('ps', '-a', '--format', '{{.Names}}')).split('\n')
const keyFolders = () => readdirSync(join(server.dataDir, 'credentials'))
const listen = (hostname: string, port: number) => Bun.listen({ hostname, port, socket: { data() {} } })

beforeAll(async () => {
  engine = await startEngine('host')
  server = await startServerProcess({ socket: engine.socket, flags: ['--image', SMALL_IMAGE] })
  token = await server.logInAs('manager')
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await engine.removeContainers()
  await engine.stop()
})

test('skips a number if a process or a container uses one of its ports, and leaves nothing behind', async () => {
  using _ssh = listen('127.0.0.1', 2201)
  using _http = listen('127.0.0.1', 8002)
  using _https = listen('127.0.0.1', 44303)
  await docker('run', '-d', '--name', 'bystander', '-p', '127.0.0.1:8004:80', SMALL_IMAGE)
  const added = await server.callDroplets('POST', 'add', token)
  expect(added).toMatchObject([{ name: 'cikit05', state: 'running', ports: { 22: { from: { port: 2205 } } } }])
  expect(await containerNames()).toEqual(['cikit05', 'bystander'])
  expect(keyFolders()).toEqual(['cikit05'])
  const skippedEntries = server.log.filter(({ message }) => message === 'droplet number skipped')
  expect(skippedEntries.map(({ droplet }) => droplet)).toEqual(['cikit01', 'cikit02', 'cikit03', 'cikit04'])
})

test('a stopped droplet whose port was taken starts only when the port is free again', async () => {
  await server.callDroplets('PATCH', 'stop/cikit05', token)
  {
    using _http = listen('127.0.0.1', 8005)
    expect(await server.call('PATCH', '/droplet/start/cikit05', token)).toMatchObject({
      status: 400,
      body: { error: 'A host port of the droplet is in use by another program', errorId: 900 },
    })
    expect(await server.callDroplets('GET', 'list', token)).toMatchObject([
      { name: 'cikit05', state: 'exited', ports: {} },
    ])
    expect(keyFolders()).toEqual(['cikit05'])
  }
  expect(await server.callDroplets('PATCH', 'start/cikit05', token)).toMatchObject([{ state: 'running' }])
})
