import { expect, test } from 'bun:test'
import { pollUntil } from '../../../scripts/lib/run.ts'
import { createTestApi, type TestApi } from '../../testkit/api/test-api.ts'

const get = async (api: TestApi, path = '/health') => await api.app.handle(new Request(`http://localhost${path}`))
const health = async (api: TestApi) => (await (await get(api)).json()) as Record<string, string>

/** Makes SQLite reject every write, like a full disk. */
const setWritable = (api: TestApi, isWritable: boolean) =>
  api.context.db.sql.run(`PRAGMA query_only = ${isWritable ? 'OFF' : 'ON'}`)

const expectWriteRejected = async (api: TestApi, token: string) => {
  const response = await api.call('PATCH', '/user/unlock/owner', { token })
  expect(response).toMatchObject({ status: 503, body: { errorId: 922 } })
}

const requestEntries = (api: TestApi) =>
  api.logLines.map(line => JSON.parse(line)).filter(({ message, path }) => message === 'request' && path === '/health')

test('returns only three states, without authentication', async () => {
  await using api = await createTestApi()
  const response = await get(api)
  expect([response.status, await response.json()]).toEqual([200, { status: 'ok', engine: 'ok', store: 'ok' }])
  expect(response.headers.get('cache-control')).toBe('no-store')
})

test('reports an unavailable engine without waiting for it', async () => {
  await using api = await createTestApi()
  api.memoryEngine.disconnect()
  const degraded = { status: 'degraded', engine: 'away', store: 'ok' }
  expect(await pollUntil(1_000, async () => (await health(api)).engine === 'away')).toBe(true)
  const response = await get(api)
  expect([response.status, await response.json()]).toEqual([200, degraded])
})

test('an engine that is silent for a second is away', async () => {
  await using api = await createTestApi()
  api.clock.advance(999)
  expect(await health(api)).toMatchObject({ engine: 'ok' })
  api.clock.advance(1)
  expect(await health(api)).toMatchObject({ status: 'degraded', engine: 'away' })
})

test('does not call the engine', async () => {
  await using api = await createTestApi()
  for (let count = 0; count < 10; count++) await get(api)
  expect(api.memoryEngine.calls).toEqual([])
})

test('the store is read-only from the first failed write until a probe write succeeds', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  setWritable(api, false)
  await expectWriteRejected(api, token)
  const response = await get(api)
  expect([response.status, await response.json()]).toEqual([
    200,
    { status: 'degraded', engine: 'ok', store: 'read-only' },
  ])
  setWritable(api, true)
  expect(await pollUntil(1_000, async () => (await health(api)).store === 'ok')).toBe(true)
})

test('rejected requests do not affect the state of the store', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  await api.call('POST', '/user/add', { token, json: { username: 'OWNER', group: 'viewer' } })
  await api.call('POST', '/user/auth', { json: { username: 'owner', code: '000000' } })
  expect(await health(api)).toEqual({ status: 'ok', engine: 'ok', store: 'ok' })
})

test('logs the failure and the recovery of the store once', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  setWritable(api, false)
  for (let count = 0; count < 3; count++) await expectWriteRejected(api, token)
  setWritable(api, true)
  expect(await pollUntil(1_000, async () => (await health(api)).store === 'ok')).toBe(true)
  const storeEntries = api.logLines
    .map(line => JSON.parse(line))
    .filter(({ message }) => message.startsWith('the store'))
  expect(storeEntries.map(({ level, message }) => `${level} ${message}`)).toEqual([
    'warn the store cannot be written',
    'info the store is writable again',
  ])
})

test('an unreadable store is unusable: 503', async () => {
  await using api = await createTestApi()
  api.context.db.sql.run('ALTER TABLE clock_high_water_mark RENAME TO gone')
  const response = await get(api)
  expect([response.status, await response.json()]).toEqual([503, { status: 'failed', engine: 'ok', store: 'unusable' }])
  api.context.db.sql.run('ALTER TABLE gone RENAME TO clock_high_water_mark')
  expect(await health(api)).toMatchObject({ status: 'ok' })
})

test('successful checks are not logged or audited; failures are logged', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  const before = (await api.call('GET', '/audit/list', { token })).body
  for (let count = 0; count < 5; count++) await get(api)
  api.context.db.sql.run('ALTER TABLE clock_high_water_mark RENAME TO gone')
  await get(api)
  api.context.db.sql.run('ALTER TABLE gone RENAME TO clock_high_water_mark')
  expect(await pollUntil(1_000, () => requestEntries(api).length > 0)).toBe(true)
  expect(requestEntries(api)).toMatchObject([{ method: 'GET', path: '/health', status: 503 }])
  expect((await api.call('GET', '/audit/list', { token })).body).toEqual(before)
})

test('rejects a token in the query string', async () => {
  await using api = await createTestApi()
  expect((await get(api, '/health?access_token=x')).status).toBe(400)
})
