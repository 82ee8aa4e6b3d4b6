import { describe, expect, spyOn, test } from 'bun:test'
import { ApiError } from '../../../src/core/errors.ts'
import { createTestApi, type TestApi } from '../../testkit/api/test-api.ts'
import { createMemoryEngine } from '../../testkit/droplets/memory-engine.ts'
import { createGate } from '../../testkit/gate.ts'
import { waitUntil } from '../../testkit/wait-until.ts'

const RESPOND_ASYNC = { prefer: 'respond-async' }
type OperationSummary = { id: string; state: string }

/** The API over an engine whose stop blocks until it is released. */
async function createSlowApi() {
  const gate = createGate()
  const memory = createMemoryEngine(Date.now)
  const engine = {
    ...memory.engine,
    async stop(id: string) {
      await gate.pass()
      await memory.engine.stop(id)
    },
  }
  const api = await createTestApi({ engine })
  return Object.assign(api, { entered: gate.entered, release: gate.open })
}

const change = (api: TestApi, token: string, path: string, headers: Record<string, string> = {}, json?: unknown) =>
  api.call(path.startsWith('add') ? 'POST' : path.startsWith('delete') ? 'DELETE' : 'PATCH', `/droplet/${path}`, {
    token,
    headers,
    ...(json !== undefined && { json }),
  })

describe('Prefer: respond-async', () => {
  test('returns 202 with the operation and its location, which later has the result', async () => {
    await using api = await createTestApi()
    const { token } = await api.logInAs('manager')
    const { status, headers, body } = await change(api, token, 'add', RESPOND_ASYNC)
    const { id } = body as OperationSummary
    expect(status).toBe(202)
    expect(headers.get('location')).toBe(`/api/v1/operation/show/${id}`)
    expect(headers.get('preference-applied')).toBe('respond-async')
    const now = new Date(api.clock.now()).toISOString()
    expect(body).toMatchObject({ kind: 'add', user: 'manager', created_at: now, ended_at: null, error: null })
    const shown = await api.call('GET', `/operation/show/${id}?wait=60`, { token })
    expect(shown.body).toEqual({
      ...{ id, kind: 'add', droplet: 'cikit01', user: 'manager', state: 'done', cancellable: false },
      ...{ created_at: now, started_at: now, ended_at: now, progress: null, error: null },
      steps: ['image', 'create', 'start'].map(name => ({ name, started_at: now, ended_at: now })),
    })
    expect((await api.call('GET', '/operation/list', { token })).body).toEqual([shown.body])
    expect((await api.call('GET', '/droplet/list', { token })).body).toMatchObject([{ name: 'cikit01' }])
  })

  test('with wait returns the list if the change is done in time', async () => {
    await using api = await createTestApi()
    const { token } = await api.logInAs('manager')
    const { status, headers, body } = await change(api, token, 'add', { prefer: 'respond-async, wait=60' })
    expect({ status, body }).toMatchObject({ status: 200, body: [{ name: 'cikit01' }] })
    expect(headers.get('location')).toBeNull()
  })

  test('waits the given number of seconds, like show', async () => {
    await using api = await createTestApi()
    const { token } = await api.logInAs('manager')
    using wait = spyOn(api.context.operations, 'wait')
    await change(api, token, 'add', { prefer: 'respond-async, wait=7' })
    const id = api.context.operations.list({})[0]?.id ?? ''
    await api.call('GET', `/operation/show/${id}?wait=8`, { token })
    expect(wait.mock.calls.map(([of, ms]) => [of, ms])).toEqual([
      [id, 7_000],
      [id, 8_000],
    ])
  })

  test('rejects at once what cannot be started', async () => {
    await using api = await createTestApi()
    const { token } = await api.logInAs('manager')
    expect(await change(api, token, 'stop/cikit07', RESPOND_ASYNC)).toMatchObject({
      status: 400,
      body: { errorId: 900 },
    })
    const keys = { ssh_keys: ['x'] }
    expect(await change(api, token, 'add', RESPOND_ASYNC, keys)).toMatchObject({ status: 400, body: { errorId: 917 } })
    expect((await api.call('GET', '/operation/list', { token })).body).toEqual([])
  })

  test('a failed operation has the error that a waiting client gets', async () => {
    await using api = await createTestApi()
    const { token } = await api.logInAs('manager')
    for (let number = 1; number <= 98; number++) api.memoryEngine.takenPorts.add(2200 + number)
    api.memoryEngine.takenPorts.add(2299)
    const { id } = (await change(api, token, 'add', RESPOND_ASYNC)).body as OperationSummary
    const { body } = await api.call('GET', `/operation/show/${id}?wait=60`, { token })
    const waited = await change(api, token, 'add')
    expect(waited).toMatchObject({ status: 409, body: { errorId: 919 } })
    expect(body).toMatchObject({ state: 'failed', error: waited.body })
  })
})

test('logs the cause of a failure even without a waiting client, but not an engine rejection', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('manager')
  await change(api, token, 'add')
  api.memoryEngine.failNext('stop', new ApiError('engineUnavailable', { cause: new Error('a broken pipe') }))
  api.memoryEngine.failNext('stop', new ApiError('engineRefused'))
  const ids: string[] = []
  for (let count = 0; count < 2; count++) {
    ids.push(((await change(api, token, 'stop/cikit01', RESPOND_ASYNC)).body as OperationSummary).id)
    await api.context.droplets.idle()
  }
  const failed = api.logLines.map(line => JSON.parse(line)).filter(({ message }) => message === 'operation failed')
  expect(failed.map(({ operation }) => operation)).toEqual([ids[0]])
  expect(JSON.stringify(failed)).toContain('a broken pipe')
})

test('a change stays done if the engine goes away right after it; the list reports that', async () => {
  const memory = createMemoryEngine(Date.now)
  let isAway = false
  await using api = await createTestApi({
    engine: {
      ...memory.engine,
      inspect: id => (isAway ? Promise.reject(new ApiError('engineUnavailable')) : memory.engine.inspect(id)),
      async start(id) {
        await memory.engine.start(id)
        isAway = true
      },
      async stop(id) {
        await memory.engine.stop(id)
        isAway = true
      },
    },
  })
  const { token } = await api.logInAs('manager')
  for (const path of ['add', 'stop/cikit01']) {
    isAway = false
    expect(await change(api, token, path)).toMatchObject({ status: 503, body: { errorId: 918 } })
    expect(api.context.operations.list({ limit: 1 })).toMatchObject([{ droplet: 'cikit01', state: 'done' }])
  }
  expect(memory.droplets).toMatchObject([{ name: 'cikit01', state: 'exited' }])
})

describe('Idempotency-Key', () => {
  const key = { 'idempotency-key': 'build-4711' }

  test('repeated returns the same operation and response', async () => {
    await using api = await createTestApi()
    const { token } = await api.logInAs('manager')
    const responses = await Promise.all(Array.from({ length: 5 }, () => change(api, token, 'add', key)))
    for (const response of responses) expect(response).toMatchObject({ status: 200, body: [{ name: 'cikit01' }] })
    const later = await change(api, token, 'add', { ...key, ...RESPOND_ASYNC })
    expect(later).toMatchObject({ status: 202, body: { droplet: 'cikit01', state: 'done' } })
    expect(api.memoryEngine.droplets).toHaveLength(1)
  })

  test('works after a restart, with the original response', async () => {
    await using api = await createTestApi()
    const { token } = await api.logInAs('manager')
    for (let number = 1; number <= 99; number++) api.memoryEngine.takenPorts.add(2200 + number)
    const first = await change(api, token, 'add', key)
    api.memoryEngine.takenPorts.clear()
    await api.restart()
    expect(await change(api, token, 'add', key)).toMatchObject({ status: first.status, body: first.body })
    expect(first).toMatchObject({ status: 409, body: { errorId: 919 } })
  })

  test('used for another request is 930', async () => {
    await using api = await createTestApi()
    const { token } = await api.logInAs('manager')
    await change(api, token, 'add', key)
    const others = ['stop/cikit01', 'delete/cikit01']
    for (const path of others)
      expect(await change(api, token, path, key)).toMatchObject({ status: 409, body: { errorId: 930 } })
    const sshKeys = { ssh_keys: [`ssh-ed25519 ${ED25519} ann`] }
    expect(await change(api, token, 'add', key, sshKeys)).toMatchObject({ status: 409, body: { errorId: 930 } })
    expect(api.memoryEngine.droplets).toMatchObject([{ name: 'cikit01', state: 'running' }])
    const other = { 'idempotency-key': 'build-4712' }
    expect(await change(api, token, 'stop/cikit01', other)).toMatchObject({ status: 200 })
    expect(await change(api, token, 'stop/cikit02', other)).toMatchObject({ status: 409, body: { errorId: 930 } })
  })

  test('of another user is a different key', async () => {
    await using api = await createTestApi()
    for (const group of ['manager', 'owner'] as const) await change(api, (await api.logInAs(group)).token, 'add', key)
    expect(api.memoryEngine.droplets).toHaveLength(2)
  })

  test('that is invalid is rejected, and nothing is done', async () => {
    await using api = await createTestApi()
    const { token } = await api.logInAs('manager')
    const response = await change(api, token, 'add', { 'idempotency-key': 'a b' })
    expect(response).toMatchObject({ status: 400, body: { errorId: 917 } })
    expect(api.memoryEngine.calls).toEqual([])
  })
})

describe('a running operation', () => {
  test('is shown at once, or after waiting for its end', async () => {
    await using api = await createSlowApi()
    const { token } = await api.logInAs('manager')
    await change(api, token, 'add')
    const { id } = (await change(api, token, 'stop/cikit01', RESPOND_ASYNC)).body as OperationSummary
    await api.entered()
    const show = (query = '') => api.call('GET', `/operation/show/${id}${query}`, { token })
    expect((await show()).body).toMatchObject({ state: 'running', cancellable: false, ended_at: null })
    const waiting = show('?wait=60')
    expect(await api.call('DELETE', `/operation/cancel/${id}`, { token })).toMatchObject({
      status: 409,
      body: { errorId: 931 },
    })
    api.release()
    expect((await waiting).body).toMatchObject({ state: 'done' })
  })

  test('that is still queued can be cancelled, and waiting clients are notified', async () => {
    await using api = await createSlowApi()
    const { token } = await api.logInAs('manager')
    await change(api, token, 'add')
    await change(api, token, 'stop/cikit01', RESPOND_ASYNC)
    await api.entered()
    const removal = change(api, token, 'delete/cikit01')
    const queued = async () => {
      const { body } = await api.call('GET', '/operation/list?limit=1', { token })
      return (body as OperationSummary[])[0]
    }
    await waitUntil(async () => (await queued())?.state === 'queued', { what: 'the deletion to be queued' })
    const { id } = (await queued()) ?? { id: '' }
    expect((await api.call('DELETE', `/operation/cancel/${id}`, { token })).body).toMatchObject({
      id,
      state: 'cancelled',
    })
    expect(await removal).toMatchObject({ status: 409, body: { errorId: 932 } })
    api.release()
    await api.context.droplets.idle()
    expect((await api.call('GET', '/droplet/list', { token })).body).toMatchObject([
      { name: 'cikit01', state: 'exited' },
    ])
  })
})

test('an operation whose end cannot be stored shows that end, also after a failed retry', async () => {
  const memory = createMemoryEngine(Date.now)
  const stop = async (id: string) => {
    api.context.db.sql.run('PRAGMA query_only = ON')
    await memory.engine.stop(id)
  }
  await using api = await createTestApi({ engine: { ...memory.engine, stop } })
  const { token } = await api.logInAs('manager')
  await change(api, token, 'add')
  const { id } = (await change(api, token, 'stop/cikit01', { ...RESPOND_ASYNC, 'idempotency-key': 'k' }))
    .body as OperationSummary
  const { sql } = api.context.db
  const show = async () => (await api.call('GET', `/operation/show/${id}?wait=60`, { token })).body
  expect(await show()).toMatchObject({ state: 'done' })
  sql.run('PRAGMA query_only = OFF')
  // The last write of the transaction fails, like a commit on a full disk.
  sql.run("CREATE TEMP TRIGGER full BEFORE INSERT ON main.audit_denials BEGIN SELECT RAISE(ABORT, 'full'); END")
  await api.call('GET', '/user/list', { token })
  await expect(api.context.audit.flush()).rejects.toThrow('full')
  expect(await show()).toMatchObject({ state: 'done' })
  sql.run('DROP TRIGGER full')
  await api.context.audit.flush()
  expect(await show()).toMatchObject({ state: 'done' })
  expect(sql.query('SELECT state FROM operations WHERE id = ?').get(id)).toEqual({ state: 'done' })
})

test('the audit log has the canceller and the requester', async () => {
  await using api = await createSlowApi()
  const { token } = await api.logInAs('manager')
  const { token: owner } = await api.logInAs('owner')
  await change(api, token, 'add')
  await change(api, token, 'stop/cikit01', RESPOND_ASYNC)
  await api.entered()
  const { id } = (await change(api, token, 'delete/cikit01', RESPOND_ASYNC)).body as OperationSummary
  expect((await api.call('DELETE', `/operation/cancel/${id}`, { token: owner })).status).toBe(200)
  const { body } = await api.call('GET', '/audit/list?limit=2', { token: owner })
  expect(body).toMatchObject([
    { user: 'owner', action: 'operation.cancel', target: id, result: 'ok' },
    { user: 'manager', action: 'droplet.delete', target: 'cikit01', result: 'refused', error_id: 932 },
  ])
  api.release()
})

test('a disconnected client ends its wait', async () => {
  await using api = await createSlowApi()
  const { token } = await api.logInAs('manager')
  await change(api, token, 'add')
  const caller = new AbortController()
  const ask = (method: string, path: string, headers = {}) =>
    api.app.handle(
      new Request(`http://localhost/api/v1${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, ...headers },
        signal: caller.signal,
      }),
    )
  const changing = ask('PATCH', '/droplet/stop/cikit01', { prefer: 'respond-async, wait=60' })
  await api.entered()
  const [operation] = api.context.operations.list({})
  const showing = ask('GET', `/operation/show/${operation?.id}?wait=60`)
  await new Promise(setImmediate)
  caller.abort()
  for (const response of await Promise.all([changing, showing])) {
    expect(await response.json()).toMatchObject({ id: operation?.id, state: 'running' })
  }
  api.release()
})

test('waiting clients are released at shutdown', async () => {
  await using api = await createSlowApi()
  const { token } = await api.logInAs('manager')
  await change(api, token, 'add')
  const { id } = (await change(api, token, 'stop/cikit01', RESPOND_ASYNC)).body as OperationSummary
  await api.entered()
  const waiting = api.call('GET', `/operation/show/${id}?wait=60`, { token })
  await new Promise(setImmediate)
  await api.restart()
  expect((await waiting).body).toMatchObject({ id, state: 'running' })
  api.release()
})

test('lists at most 1,000', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('manager')
  expect(await api.call('GET', '/operation/list?limit=1000', { token })).toMatchObject({ status: 200, body: [] })
})

test.each(['?wait=61', '?wait=-1', '?wait=x', '?since=1'])('rejects show%s', async query => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('manager')
  expect(await api.call('GET', `/operation/show/x${query}`, { token })).toMatchObject({
    status: 400,
    body: { errorId: 917 },
  })
})

test.each(['?limit=0', '?limit=1001', '?limit=x', '?user=ann'])('rejects list%s', async query => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('manager')
  expect(await api.call('GET', `/operation/list${query}`, { token })).toMatchObject({
    status: 400,
    body: { errorId: 917 },
  })
})

test('the list continues after the cursor', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('manager')
  for (let count = 0; count < 3; count++) await change(api, token, 'add')
  const listPage = async (query: string) =>
    (await api.call('GET', `/operation/list${query}`, { token })).body as { id: string; droplet: string }[]
  const [first, second] = await listPage('?limit=2')
  expect([first?.droplet, second?.droplet]).toEqual(['cikit03', 'cikit02'])
  expect((await listPage(`?limit=2&cursor=${second?.id}`)).map(({ droplet }) => droplet)).toEqual(['cikit01'])
  expect((await listPage('?droplet=cikit02')).map(({ droplet }) => droplet)).toEqual(['cikit02'])
})

test('an unknown operation is 929', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('manager')
  for (const [method, path] of [
    ['GET', 'show'],
    ['DELETE', 'cancel'],
  ] as const) {
    expect(await api.call(method, `/operation/${path}/x`, { token })).toMatchObject({
      status: 404,
      body: { errorId: 929 },
    })
  }
})

test('maintenance removes old operations', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('manager')
  await change(api, token, 'add')
  api.clock.advance(7 * 86_400_000 + 1)
  await api.context.runMaintenance()
  expect(api.context.operations.list({})).toEqual([])
})

const ED25519 = 'AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
