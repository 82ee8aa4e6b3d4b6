import { afterAll, beforeAll, expect, test } from 'bun:test'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '../../scripts/lib/run.ts'
import { createEngineProxy } from '../_support/e2e/engine-proxy.ts'
import { SMALL_IMAGE, startEngine, type TestEngine } from '../_support/e2e/engines.ts'
import { type Matrix, startMatrix } from '../_support/e2e/matrix.ts'
import { startStubborn, stopOf } from '../_support/e2e/stubborn.ts'

// Operations over the real engine, and a program that is killed in the middle of them.

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
  await engine.clear()
  await engine.stop()
})

const flags = ['--image', SMALL_IMAGE]

async function ask<T = Operation>(
  matrix: Matrix,
  method: string,
  path: string,
  token: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: T }> {
  const response = await fetch(`${matrix.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...headers },
    timeout: false,
  })
  return { status: response.status, body: (await response.json()) as T }
}

async function ended(matrix: Matrix, token: string, id: string): Promise<Operation> {
  return (await ask(matrix, 'GET', `/operation/show/${id}?wait=60`, token)).body
}

/** Begins a change without waiting for it. */
async function begin(matrix: Matrix, method: string, path: string, token: string): Promise<string> {
  const { status, body } = await ask(matrix, method, path, token, { prefer: 'respond-async' })
  expect(status).toBe(202)
  return body.id
}

const credentials = (matrix: Matrix) => readdirSync(join(matrix.dataDir, 'credentials'))

test('20 requests at once with one key make one droplet, also when all connections are lost', async () => {
  await engine.clear()
  await using matrix = await startMatrix({ socket: engine.socket, flags })
  const token = await matrix.signIn('manager')
  const add = (signal?: AbortSignal) =>
    fetch(`${matrix.url}/droplet/add`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'idempotency-key': 'one' },
      ...(signal && { signal }),
    })
  const client = new AbortController()
  const lost = Array.from({ length: 10 }, () => add(client.signal).catch(() => undefined))
  const answered = Array.from({ length: 10 }, () => add())
  const isBegun = async () => (await ask<Operation[]>(matrix, 'GET', '/operation/list', token)).body.length === 1
  expect(await until(5_000, isBegun)).toBe(true)
  client.abort()
  await Promise.all(lost)
  for (const answer of await Promise.all(answered)) {
    expect(await answer.json()).toMatchObject([{ name: 'cikit01', state: 'running' }])
  }
  expect(await matrix.droplets('GET', 'list', token)).toHaveLength(1)
})

test.each([
  ['PATCH', 'stop', 'exited'],
  ['PATCH', 'restart', 'running'],
  ['DELETE', 'delete', undefined],
] as const)(
  '%s %s of a program that is killed in the middle is finished by the next one',
  async (method, kind, state) => {
    await engine.clear()
    await startStubborn(engine, 'cikit22', 3)
    let matrix = await startMatrix({ socket: engine.socket, flags })
    const { dataDir } = matrix
    const token = await matrix.signIn('manager')
    const before = await matrix.droplets('GET', 'list', token)
    const stop = await stopOf(engine, 'cikit22')
    const id = await begin(matrix, method, `/droplet/${kind}/cikit22`, token)
    await stop.begun()
    await matrix.stop('SIGKILL')
    matrix = await startMatrix({ socket: engine.socket, flags, dataDir })
    try {
      expect(await ended(matrix, token, id)).toMatchObject({ id, kind, droplet: 'cikit22', state: 'done', error: null })
      const after = await matrix.droplets('GET', 'list', token)
      expect(after.map(droplet => droplet.state)).toEqual(state ? [state] : [])
      if (kind === 'restart') expect(after[0]?.id).toBe(before[0]?.id)
      const { body } = await ask<Operation[]>(matrix, 'GET', '/operation/list', token)
      expect(body).toMatchObject([{ id, state: 'done' }])
    } finally {
      await matrix[Symbol.asyncDispose]()
    }
  },
)

test.each([
  ['before it is created', /^POST \S+\/containers\/create$/],
  ['before it is started', /^POST \S+\/start$/],
])('an add of a program that is killed %s has failed, and nothing is left of it', async (_, at) => {
  await engine.clear()
  await using proxy = createEngineProxy(engine.socket)
  let matrix = await startMatrix({ socket: proxy.socket, flags })
  const { dataDir } = matrix
  const token = await matrix.signIn('manager')
  const hold = proxy.hold(at)
  const id = await begin(matrix, 'POST', '/droplet/add', token)
  await hold.arrived
  await matrix.stop('SIGKILL')
  hold.release()
  matrix = await startMatrix({ socket: engine.socket, flags, dataDir })
  try {
    const operation = await ended(matrix, token, id)
    expect(operation).toMatchObject({ kind: 'add', droplet: 'cikit01', state: 'failed', error: { errorId: 933 } })
    expect(operation.steps.map(({ name }) => name)).toEqual(['undo'])
    expect(await matrix.droplets('GET', 'list', token)).toEqual([])
    expect(credentials(matrix)).toEqual([])
  } finally {
    await matrix[Symbol.asyncDispose]()
  }
})

test('an add is cancelled while the engine starts it: the real container is gone, and the next add has its number', async () => {
  await engine.clear()
  await using proxy = createEngineProxy(engine.socket)
  await using matrix = await startMatrix({ socket: proxy.socket, flags })
  const token = await matrix.signIn('manager')
  const hold = proxy.hold(/^POST \S+\/start$/)
  const id = await begin(matrix, 'POST', '/droplet/add', token)
  await hold.arrived
  const cancelled = ask(matrix, 'DELETE', `/operation/cancel/${id}`, token)
  const isTold = async () => !(await ask<Operation>(matrix, 'GET', `/operation/show/${id}`, token)).body.cancellable
  expect(await until(5_000, isTold)).toBe(true)
  hold.release()
  expect(await cancelled).toMatchObject({ status: 200, body: { id, state: 'cancelled' } })
  expect(await matrix.droplets('GET', 'list', token)).toEqual([])
  expect(credentials(matrix)).toEqual([])
  expect(await matrix.droplets('POST', 'add', token)).toMatchObject([{ name: 'cikit01' }])
})
