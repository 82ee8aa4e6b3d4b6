import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { existsSync, readdirSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { pollUntil, run } from '../../scripts/lib/run.ts'
import { createEngineProxy } from '../testkit/e2e/engine-proxy.ts'
import { SMALL_IMAGE, startEngine, type TestEngine } from '../testkit/e2e/engines.ts'
import { type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'

// Droplets beside other containers and programs on a host, with an image that starts at once.

const flags = ['--image', SMALL_IMAGE]
let engine: TestEngine
let server: ServerProcess
let token: string

beforeAll(async () => {
  engine = await startEngine('host')
})
afterAll(() => engine.stop())
beforeEach(async () => {
  server = await startServerProcess({ socket: engine.socket, flags })
  token = await server.logInAs('manager')
})
afterEach(async () => {
  await server[Symbol.asyncDispose]()
  await engine.removeContainers()
})

const docker = (...args: string[]) => run(['docker', '-H', `unix://${engine.socket}`, ...args])
const names = (droplets: { name: string }[]) => droplets.map(({ name }) => name)
const keyFolders = (dataDir: string) => {
  const dir = join(dataDir, 'credentials')
  return existsSync(dir) ? readdirSync(dir).sort() : []
}

test('20 concurrent adds create 20 droplets with different numbers, newest first', async () => {
  const responses = await Promise.all(Array.from({ length: 20 }, () => server.call('POST', '/droplet/add', token)))
  expect(responses.map(({ status }) => status)).toEqual(Array(20).fill(200))
  const expected = Array.from({ length: 20 }, (_, index) => `cikit${String(20 - index).padStart(2, '0')}`)
  expect(names(await server.callDroplets('GET', 'list', token))).toEqual(expected)
  expect(keyFolders(server.dataDir)).toEqual(expected.toReversed())
}, 120_000)

describe('beside other containers and programs', () => {
  test("a container of CIKit's own tooling is a droplet, and the next add gets the number after it", async () => {
    await docker('run', '-d', '--name', 'cikit41', '-p', '2241:22', '-p', '127.0.0.1:8041:80', SMALL_IMAGE)
    expect(await server.callDroplets('GET', 'list', token)).toMatchObject([
      { name: 'cikit41', ports: { 22: { from: { ip: '0.0.0.0', port: 2241 } }, 80: { from: { port: 8041 } } } },
    ])
    expect(await server.callDroplets('PATCH', 'stop/cikit41', token)).toMatchObject([{ state: 'exited' }])
    expect(await server.callDroplets('PATCH', 'start/cikit41', token)).toMatchObject([{ state: 'running' }])
    expect(names(await server.callDroplets('POST', 'add', token))).toEqual(['cikit42', 'cikit41'])
    expect(names(await server.callDroplets('DELETE', 'delete/cikit41', token))).toEqual(['cikit42'])
  })

  test('other containers are neither listed nor changed, whatever their names', async () => {
    const id = (await docker('run', '-d', '--name', 'bystander', SMALL_IMAGE)).trim()
    await docker('run', '-d', '--name', 'cikit00', SMALL_IMAGE)
    await docker('run', '-d', '--name', 'cikit100', SMALL_IMAGE)
    await docker('run', '-d', '--name', 'mycikit05', SMALL_IMAGE)
    expect(await server.callDroplets('GET', 'list', token)).toEqual([])
    for (const name of ['bystander', id, id.slice(0, 12), 'cikit00', 'cikit100', 'mycikit05', 'cikit']) {
      for (const [method, action] of [
        ['PATCH', 'stop'],
        ['DELETE', 'delete'],
      ] as const) {
        const { status, body } = await server.call(method, `/droplet/${action}/${name}`, token)
        expect({ status, body }).toEqual({
          status: 400,
          body: { error: `Error response from daemon: No such container: ${name}`, errorId: 900 },
        })
      }
    }
    const running = await docker('ps', '--format', '{{.Names}}')
    expect(running.trim().split('\n').sort()).toEqual(['bystander', 'cikit00', 'cikit100', 'mycikit05'])
  })

  test('an add skips a number whose host port is in use and leaves nothing behind', async () => {
    using listener = Bun.listen({ hostname: '0.0.0.0', port: 2201, socket: { data() {} } })
    expect(listener.port).toBe(2201)
    expect(names(await server.callDroplets('POST', 'add', token))).toEqual(['cikit02'])
    expect((await docker('ps', '-a', '--format', '{{.Names}}')).trim()).toBe('cikit02')
    expect(keyFolders(server.dataDir)).toEqual(['cikit02'])
  })
})

describe('when serve is killed during an add', () => {
  const isClean = async () => (await docker('ps', '-aq')).trim() === '' && keyFolders(server.dataDir).length === 0

  test.each([
    ['before the droplet starts', /\/containers\/\w+\/start$/, 5_000],
    ['while the engine creates the container, which it completes later', /\/containers\/create$/, 35_000],
  ])(
    '%s, the next start rolls it back',
    async (_, pattern, limitMs) => {
      await using proxy = createEngineProxy(engine.socket)
      const proxied = await startServerProcess({ socket: proxy.socket, flags, dataDir: await stopAndGetDataDir() })
      const hold = proxy.hold(pattern)
      const add = proxied.call('POST', '/droplet/add', token).catch(error => error)
      await hold.arrived
      await proxied.stop('SIGKILL')
      expect(await add).toBeInstanceOf(Error)
      server = await startServerProcess({ socket: engine.socket, flags, dataDir: server.dataDir })
      hold.release()
      await hold.answered
      expect(await pollUntil(limitMs, isClean)).toBe(true)
      expect(names(await server.callDroplets('POST', 'add', token))).toEqual(['cikit01'])
    },
    60_000,
  )

  /** Stops the server. @returns its data directory, for another server */
  async function stopAndGetDataDir(): Promise<string> {
    expect(await server.stop()).toBe(0)
    return server.dataDir
  }
})

test('a stopping server completes a change whose client disconnected', async () => {
  await using proxy = createEngineProxy(engine.socket)
  expect(await server.stop()).toBe(0)
  const proxied = await startServerProcess({ socket: proxy.socket, flags, dataDir: server.dataDir })
  const hold = proxy.hold(/\/containers\/\w+\/start$/)
  const client = new AbortController()
  const add = fetch(`${proxied.url}/droplet/add`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    signal: client.signal,
  }).catch(error => error)
  await hold.arrived
  client.abort()
  expect(await add).toBeInstanceOf(Error)
  const exit = proxied.stop()
  expect(await pollUntil(5_000, () => proxied.log.some(({ message }) => message === 'stopping'))).toBe(true)
  hold.release()
  expect(await exit).toBe(0)
  expect((await docker('ps', '--format', '{{.Names}}')).trim()).toBe('cikit01')
  expect(keyFolders(server.dataDir)).toEqual(['cikit01'])
})

test('works with an engine over TCP', async () => {
  expect(await server.stop()).toBe(0)
  using forward = createTcpForward(engine.socket)
  await using remote = await startServerProcess({
    socket: `tcp://127.0.0.1:${forward.port}`,
    flags,
    dataDir: server.dataDir,
  })
  expect(names(await remote.callDroplets('POST', 'add', token))).toEqual(['cikit01'])
  expect(await remote.callDroplets('PATCH', 'stop/cikit01', token)).toMatchObject([{ state: 'exited' }])
  expect(await remote.callDroplets('DELETE', 'delete/cikit01', token)).toEqual([])
})

/** Forwards a TCP port on loopback to the engine's socket. */
function createTcpForward(socket: string) {
  const server = createServer(client => {
    const upstream = connect(socket)
    client.pipe(upstream).pipe(client)
    client.on('error', () => upstream.destroy())
    upstream.on('error', () => client.destroy())
  }).listen(0, '127.0.0.1')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return { port: address.port, [Symbol.dispose]: () => void server.close() }
}
