import { afterAll, beforeAll, expect, test } from 'bun:test'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../../scripts/lib/run.ts'
import { SMALL_IMAGE, startEngine, type TestEngine } from '../_support/e2e/engines.ts'
import { type Matrix, startMatrix } from '../_support/e2e/matrix.ts'

// Ports of the host that somebody else has, which the engine notices only when the droplet starts.

let engine: TestEngine
let matrix: Matrix
let token: string

const docker = async (...words: string[]) => (await run(['docker', '-H', `unix://${engine.socket}`, ...words])).trim()
const containers = async () => (await docker('ps', '-a', '--format', '{{.Names}}')).split('\n')
const keys = () => readdirSync(join(matrix.dataDir, 'credentials'))
const take = (hostname: string, port: number) => Bun.listen({ hostname, port, socket: { data() {} } })

beforeAll(async () => {
  engine = await startEngine('host')
  matrix = await startMatrix({ socket: engine.socket, flags: ['--image', SMALL_IMAGE] })
  token = await matrix.signIn('manager')
})
afterAll(async () => {
  await matrix[Symbol.asyncDispose]()
  await engine.clear()
  await engine.stop()
})

test('a number of which any port is taken, by a process or by a container, is skipped, and nothing is left of it', async () => {
  using _ssh = take('127.0.0.1', 2201)
  using _http = take('127.0.0.1', 8002)
  using _https = take('127.0.0.1', 44303)
  await docker('run', '-d', '--name', 'bystander', '-p', '127.0.0.1:8004:80', SMALL_IMAGE)
  const added = await matrix.droplets('POST', 'add', token)
  expect(added).toMatchObject([{ name: 'cikit05', state: 'running', ports: { 22: { from: { port: 2205 } } } }])
  expect(await containers()).toEqual(['cikit05', 'bystander'])
  expect(keys()).toEqual(['cikit05'])
  const skipped = matrix.log.filter(({ message }) => message === 'droplet number skipped')
  expect(skipped.map(({ droplet }) => droplet)).toEqual(['cikit01', 'cikit02', 'cikit03', 'cikit04'])
})

test('a droplet whose port was taken while it was stopped does not start, and does when the port is free', async () => {
  await matrix.droplets('PATCH', 'stop/cikit05', token)
  {
    using _http = take('127.0.0.1', 8005)
    expect(await matrix.call('PATCH', '/droplet/start/cikit05', token)).toMatchObject({
      status: 400,
      body: { error: 'A host port of the droplet is taken by somebody else', errorId: 900 },
    })
    expect(await matrix.droplets('GET', 'list', token)).toMatchObject([{ name: 'cikit05', state: 'exited', ports: {} }])
    expect(keys()).toEqual(['cikit05'])
  }
  expect(await matrix.droplets('PATCH', 'start/cikit05', token)).toMatchObject([{ state: 'running' }])
})
