import { afterAll, beforeAll, expect, test } from 'bun:test'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { pollUntil } from '../../scripts/lib/run.ts'
import { createEngineProxy } from '../testkit/e2e/engine-proxy.ts'
import { SMALL_IMAGE, startEngine, type TestEngine } from '../testkit/e2e/engines.ts'
import { type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'
import { startUnstoppable, watchStop } from '../testkit/e2e/unstoppable-droplet.ts'

// Operations on a real engine, and servers that are killed during them.

interface Operation {
  id: string
  kind: string
  droplet: string | null
  state: string
  cancellable: boolean
  steps: { name: string }[]
  error: { errorId: number } | null
}

let engine: TestEngine

beforeAll(async () => {
  engine = await startEngine('host')
})
afterAll(async () => {
  await engine.removeContainers()
  await engine.stop()
})

const flags = ['--image', SMALL_IMAGE]

async function request<T = Operation>(
  server: ServerProcess,
  method: string,
  path: string,
  token: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: T }> {
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...headers },
    timeout: false,
  })
  return { status: response.status, body: (await response.json()) as T }
}

async function waitForEnd(server: ServerProcess, token: string, id: string): Promise<Operation> {
  return (await request(server, 'GET', `/operation/show/${id}?wait=60`, token)).body
}

/** Starts a change without waiting for it. */
async function startOperation(server: ServerProcess, method: string, path: string, token: string): Promise<string> {
  const { status, body } = await request(server, method, path, token, { prefer: 'respond-async' })
  expect(status).toBe(202)
  return body.id
}

const keyFolders = (server: ServerProcess) => readdirSync(join(server.dataDir, 'credentials'))

test('20 concurrent requests with one idempotency key create one droplet, even if clients disconnect', async () => {
  await engine.removeContainers()
  await using server = await startServerProcess({ socket: engine.socket, flags })
  const token = await server.logInAs('manager')
  const add = (signal?: AbortSignal) =>
    fetch(`${server.url}/droplet/add`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'idempotency-key': 'one' },
      ...(signal && { signal }),
    })
  const client = new AbortController()
  const aborted = Array.from({ length: 10 }, () => add(client.signal).catch(() => undefined))
  const completed = Array.from({ length: 10 }, () => add())
  const isStarted = async () => (await request<Operation[]>(server, 'GET', '/operation/list', token)).body.length === 1
  expect(await pollUntil(5_000, isStarted)).toBe(true)
  client.abort()
  await Promise.all(aborted)
  for (const response of await Promise.all(completed)) {
    expect(await response.json()).toMatchObject([{ name: 'cikit01', state: 'running' }])
  }
  expect(await server.callDroplets('GET', 'list', token)).toHaveLength(1)
})

test.each([
  ['PATCH', 'stop', 'exited'],
  ['PATCH', 'restart', 'running'],
  ['DELETE', 'delete', undefined],
] as const)('%s %s is completed by the next start when the server is killed during it', async (method, kind, state) => {
  await engine.removeContainers()
  await startUnstoppable(engine, 'cikit22', 3)
  let server = await startServerProcess({ socket: engine.socket, flags })
  const { dataDir } = server
  const token = await server.logInAs('manager')
  const before = await server.callDroplets('GET', 'list', token)
  const stopWatch = await watchStop(engine, 'cikit22')
  const id = await startOperation(server, method, `/droplet/${kind}/cikit22`, token)
  await stopWatch.started()
  await server.stop('SIGKILL')
  server = await startServerProcess({ socket: engine.socket, flags, dataDir })
  try {
    expect(await waitForEnd(server, token, id)).toMatchObject({
      id,
      kind,
      droplet: 'cikit22',
      state: 'done',
      error: null,
    })
    const after = await server.callDroplets('GET', 'list', token)
    expect(after.map(droplet => droplet.state)).toEqual(state ? [state] : [])
    if (kind === 'restart') expect(after[0]?.id).toBe(before[0]?.id)
    const { body } = await request<Operation[]>(server, 'GET', '/operation/list', token)
    expect(body).toMatchObject([{ id, state: 'done' }])
  } finally {
    await server[Symbol.asyncDispose]()
  }
})

test.each([
  ['before the container is created', /^POST \S+\/containers\/create$/],
  ['before the container is started', /^POST \S+\/start$/],
])('an add fails and is rolled back when the server is killed %s', async (_, pattern) => {
  await engine.removeContainers()
  await using proxy = createEngineProxy(engine.socket)
  let server = await startServerProcess({ socket: proxy.socket, flags })
  const { dataDir } = server
  const token = await server.logInAs('manager')
  const hold = proxy.hold(pattern)
  const id = await startOperation(server, 'POST', '/droplet/add', token)
  await hold.arrived
  await server.stop('SIGKILL')
  hold.release()
  server = await startServerProcess({ socket: engine.socket, flags, dataDir })
  try {
    const operation = await waitForEnd(server, token, id)
    expect(operation).toMatchObject({ kind: 'add', droplet: 'cikit01', state: 'failed', error: { errorId: 933 } })
    expect(operation.steps.map(({ name }) => name)).toEqual(['undo'])
    expect(await server.callDroplets('GET', 'list', token)).toEqual([])
    expect(keyFolders(server)).toEqual([])
  } finally {
    await server[Symbol.asyncDispose]()
  }
})

test('cancelling an add while the engine starts it removes the container and frees its number', async () => {
  await engine.removeContainers()
  await using proxy = createEngineProxy(engine.socket)
  await using server = await startServerProcess({ socket: proxy.socket, flags })
  const token = await server.logInAs('manager')
  const hold = proxy.hold(/^POST \S+\/start$/)
  const id = await startOperation(server, 'POST', '/droplet/add', token)
  await hold.arrived
  const cancelled = request(server, 'DELETE', `/operation/cancel/${id}`, token)
  const isCancelling = async () =>
    !(await request<Operation>(server, 'GET', `/operation/show/${id}`, token)).body.cancellable
  expect(await pollUntil(5_000, isCancelling)).toBe(true)
  hold.release()
  expect(await cancelled).toMatchObject({ status: 200, body: { id, state: 'cancelled' } })
  expect(await server.callDroplets('GET', 'list', token)).toEqual([])
  expect(keyFolders(server)).toEqual([])
  expect(await server.callDroplets('POST', 'add', token)).toMatchObject([{ name: 'cikit01' }])
})
