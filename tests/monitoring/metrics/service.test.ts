import { expect, test } from 'bun:test'
import { pollUntil } from '../../../scripts/lib/run.ts'
import { createRunningTestApi, createTestApi, type TestApi } from '../../testkit/api/test-api.ts'
import { parseSamples } from '../../testkit/prometheus-text.ts'

const createApi = () => createTestApi({}, { 'metrics-listen': '0' })

const metricsText = async (api: TestApi) => (await api.context.metrics?.render())?.text ?? ''
const readMetrics = async (api: TestApi) => parseSamples(await metricsText(api))

/** The samples of one metric, by their labels. */
async function samplesOf(api: TestApi, name: string): Promise<Record<string, number>> {
  const matching = [...(await readMetrics(api))].filter(([key]) => key === name || key.startsWith(`${name}{`))
  return Object.fromEntries(matching.map(([key, value]) => [key.slice(name.length), value]))
}

/** Some metrics are recorded after the response was sent. */
const waitForSample = (api: TestApi, key: string, value: number) =>
  pollUntil(1_000, async () => (await readMetrics(api)).get(key) === value)

test('metrics are off by default', async () => {
  await using api = await createTestApi()
  expect(api.context.metrics).toBeUndefined()
})

test('counts and times requests by route', async () => {
  await using api = await createApi()
  const { token } = await api.logInAs('manager')
  for (let count = 0; count < 3; count++) await api.call('GET', '/droplet/list', { token })
  await api.call('PATCH', '/droplet/stop/cikit99', { token })
  await api.call('GET', '/user/list', { token })
  const total = (route: string, method: string, status: number) =>
    `cikit_api_http_requests_total{route="${route}",method="${method}",status="${status}"}`
  expect(await waitForSample(api, total('/api/v1/user/list', 'GET', 403), 1)).toBe(true)
  const values = await readMetrics(api)
  expect(values.get(total('/api/v1/droplet/list', 'GET', 200))).toBe(3)
  expect(values.get(total('/api/v1/droplet/stop/:droplet', 'PATCH', 400))).toBe(1)
  expect(values.get('cikit_api_http_request_duration_seconds_count{route="/api/v1/droplet/list"}')).toBe(3)
  expect(values.get('cikit_api_http_request_duration_seconds_bucket{le="+Inf",route="/api/v1/droplet/list"}')).toBe(3)
})

test('requests to unknown paths create no series and do not appear in the metrics', async () => {
  await using api = await createApi()
  const sendUnknownRequests = async (round: number) => {
    const path = `/hostile-${round}/${crypto.randomUUID()}`
    await api.app.handle(new Request(`http://localhost${path}`, { method: 'PROPFIND' }))
    await api.call('GET', `${path}?q=hostile`)
    await api.call('PATCH', `/user/unlock/hostile-${round}`, { headers: { 'user-agent': `hostile ${round}` } })
    await api.call('POST', '/user/auth', { json: { username: `hostile-${round}`, code: '000000' } })
  }
  await sendUnknownRequests(0)
  const loginRejections = 'cikit_api_http_requests_total{route="/api/v1/user/auth/",method="POST",status="400"}'
  expect(await waitForSample(api, loginRejections, 1)).toBe(true)
  const before = [...(await readMetrics(api)).keys()]
  for (let round = 1; round <= 10; round++) await sendUnknownRequests(round)
  expect(await waitForSample(api, loginRejections, 11)).toBe(true)
  expect([...(await readMetrics(api)).keys()]).toEqual(before)
  for (const method of ['GET', 'other']) {
    const unmatched = `cikit_api_http_requests_total{route="none",method="${method}",status="404"}`
    expect((await readMetrics(api)).get(unmatched)).toBe(11)
  }
  expect(await metricsText(api)).not.toContain('hostile')
})

test('counts logins by result, without malformed requests', async () => {
  await using api = await createApi()
  const owner = await api.createUser('owner', 'owner')
  await api.logIn(owner)
  for (let count = 0; count < 6; count++) {
    await api.call('POST', '/user/auth', { json: { username: 'ann', code: '000000' } })
  }
  await api.call('POST', '/user/auth', { json: { username: 'owner' } })
  expect(await waitForSample(api, 'cikit_api_logins_total{result="locked"}', 1)).toBe(true)
  expect(await samplesOf(api, 'cikit_api_logins_total')).toEqual({
    '{result="ok"}': 1,
    '{result="refused"}': 5,
    '{result="locked"}': 1,
  })
})

test('counts active locks', async () => {
  await using api = await createApi()
  const locks = () => samplesOf(api, 'cikit_api_locks')
  expect(await locks()).toEqual({ '{on="address"}': 0, '{on="login"}': 0, '{on="recovery"}': 0 })
  for (let count = 0; count < 5; count++) {
    await api.call('POST', '/user/auth', { json: { username: 'ann', code: '000000' } })
  }
  expect(await locks()).toEqual({ '{on="address"}': 0, '{on="login"}': 1, '{on="recovery"}': 0 })
  for (let count = 0; count < 15; count++) {
    await api.call('POST', '/user/auth', { json: { username: `ann-${count}`, code: '000000' } })
  }
  expect(await locks()).toEqual({ '{on="address"}': 1, '{on="login"}': 1, '{on="recovery"}': 0 })
  api.clock.advance(60_000)
  expect(await locks()).toEqual({ '{on="address"}': 1, '{on="login"}': 0, '{on="recovery"}': 0 })
  api.clock.advance(600_000)
  expect(await locks()).toEqual({ '{on="address"}': 0, '{on="login"}': 0, '{on="recovery"}': 0 })
})

test('counts droplets by state and health, except while the engine is away', async () => {
  await using api = await createApi()
  const { token } = await api.logInAs('owner')
  for (let count = 0; count < 3; count++) await api.call('POST', '/droplet/add', { token })
  await api.call('PATCH', '/droplet/stop/cikit02', { token })
  expect(await samplesOf(api, 'cikit_api_droplets')).toMatchObject({ '{state="running"}': 2, '{state="exited"}': 1 })
  const healths = { '{health="booting"}': 2, '{health="ready"}': 0, '{health="degraded"}': 0, '{health="unknown"}': 0 }
  expect(await samplesOf(api, 'cikit_api_droplets_running')).toEqual(healths)
  expect(await samplesOf(api, 'cikit_api_engine_up')).toEqual({ '': 1 })
  api.memoryEngine.disconnect()
  expect(await waitForSample(api, 'cikit_api_engine_up', 0)).toBe(true)
  expect(await samplesOf(api, 'cikit_api_droplets')).toEqual({})
  expect(await samplesOf(api, 'cikit_api_droplets_running')).toEqual({})
})

test('counts ended operations by kind and state, and reports the age of unfinished ones', async () => {
  await using api = await createApi()
  const { token } = await api.logInAs('owner')
  const gate = Promise.withResolvers<void>()
  const { prepare } = api.memoryEngine.engine
  api.memoryEngine.engine.prepare = async (...args) => {
    await gate.promise
    await prepare(...args)
  }
  const add = () => api.call('POST', '/droplet/add', { token, headers: { prefer: 'respond-async' } })
  await add()
  api.clock.advance(7_000)
  await add()
  api.clock.advance(3_000)
  expect(await samplesOf(api, 'cikit_api_operations_open')).toEqual({ '{state="queued"}': 1, '{state="running"}': 1 })
  expect(await samplesOf(api, 'cikit_api_operation_oldest_seconds')).toEqual({
    '{state="queued"}': 3,
    '{state="running"}': 10,
  })
  gate.resolve()
  api.memoryEngine.failNext('start', new Error('unexpected'))
  await api.context.droplets.idle()
  expect(await samplesOf(api, 'cikit_api_operations_total')).toMatchObject({
    '{kind="add",state="done"}': 1,
    '{kind="add",state="failed"}': 1,
    '{kind="delete",state="done"}': 0,
  })
  expect(await samplesOf(api, 'cikit_api_operation_duration_seconds_sum')).toEqual({ '{kind="add"}': 13 })
  expect(await samplesOf(api, 'cikit_api_operations_open')).toEqual({ '{state="queued"}': 0, '{state="running"}': 0 })
  expect(await samplesOf(api, 'cikit_api_operation_oldest_seconds')).toMatchObject({ '{state="queued"}': 0 })
})

test('counts writes by result, and reports whether the store is writable', async () => {
  await using api = await createApi()
  const { token } = await api.logInAs('owner')
  const before = await samplesOf(api, 'cikit_api_store_writes_total')
  expect(before).toMatchObject({ '{result="failed"}': 0 })
  expect(await samplesOf(api, 'cikit_api_store_write_duration_seconds_count')).toEqual({
    '': before['{result="stored"}'] ?? 0,
  })
  expect(await samplesOf(api, 'cikit_api_store_writable')).toEqual({ '': 1 })
  api.context.db.sql.run('PRAGMA query_only = ON')
  await api.call('PATCH', '/user/unlock/owner', { token })
  api.context.db.sql.run('PRAGMA query_only = OFF')
  expect(await samplesOf(api, 'cikit_api_store_writes_total')).toMatchObject({ '{result="failed"}': 1 })
  expect(await samplesOf(api, 'cikit_api_store_writable')).toEqual({ '': 0 })
})

test('reports queued writes', async () => {
  await using api = await createApi()
  const writes = [1, 2, 3].map(() => api.context.db.write(() => undefined))
  expect(await samplesOf(api, 'cikit_api_store_writes_waiting')).toEqual({ '': 3 })
  await Promise.all(writes)
  expect(await samplesOf(api, 'cikit_api_store_writes_waiting')).toEqual({ '': 0 })
})

test('counts audit records and event streams', async () => {
  await using api = await createApi()
  const { token } = await api.logInAs('owner')
  const records = api.context.audit.records({ limit: 1 })[0]?.number ?? 0
  expect(await samplesOf(api, 'cikit_api_audit_records_total')).toEqual({ '': records })
  await api.call('POST', '/user/add', { token, json: { username: 'ann', group: 'viewer' } })
  expect(await samplesOf(api, 'cikit_api_audit_records_total')).toEqual({ '': records + 1 })
  const stream = await api.openEventStream(token)
  expect(await samplesOf(api, 'cikit_api_event_streams')).toEqual({ '': 1 })
  await stream.disconnect()
  expect(await waitForSample(api, 'cikit_api_event_streams', 0)).toBe(true)
})

test('reports an unreadable store, and all other metrics', async () => {
  await using api = await createApi()
  for (const table of ['audit', 'throttle_buckets', 'clock_high_water_mark'])
    api.context.db.sql.run(`ALTER TABLE ${table} RENAME TO gone_${table}`)
  expect(await samplesOf(api, 'cikit_api_store_writable')).toEqual({ '': 0 })
  expect(await samplesOf(api, 'cikit_api_locks')).toEqual({})
  expect(await samplesOf(api, 'cikit_api_engine_up')).toEqual({ '': 1 })
  for (const table of ['audit', 'throttle_buckets', 'clock_high_water_mark'])
    api.context.db.sql.run(`ALTER TABLE gone_${table} RENAME TO ${table}`)
})

test('reports version, process and certificate', async () => {
  await using api = await createApi()
  const values = await readMetrics(api)
  expect([...values.keys()]).toContainEqual(expect.stringMatching(/^cikit_api_build_info{version="\d+\.\d+\.\d+.*"}$/))
  expect(values.get('process_resident_memory_bytes')).toBeGreaterThan(1e7)
  expect(values.get('process_cpu_seconds_total')).toBeGreaterThan(0)
  expect(values.get('process_open_fds')).toBeWithin(1, values.get('process_max_fds') ?? 0)
  expect(Math.abs((values.get('process_start_time_seconds') ?? 0) + process.uptime() - Date.now() / 1000)).toBeLessThan(
    2,
  )
  expect(values.has('cikit_api_certificate_end_time_seconds')).toBe(false)
  for (const validTo of [1_900_000_000_999, 1_950_000_000_000]) api.context.metrics?.setCertificate({ validTo })
  expect((await readMetrics(api)).get('cikit_api_certificate_end_time_seconds')).toBe(1_950_000_000)
})

test('reports a blocked event loop', async () => {
  await using api = await createRunningTestApi({}, { 'metrics-listen': '0' })
  const countLateTicks = async () => {
    const values = await readMetrics(api)
    const all = values.get('cikit_api_event_loop_delay_seconds_count') ?? 0
    return all - (values.get('cikit_api_event_loop_delay_seconds_bucket{le="0.1"}') ?? 0)
  }
  expect(
    await pollUntil(
      1_000,
      async () => ((await readMetrics(api)).get('cikit_api_event_loop_delay_seconds_count') ?? 0) > 0,
    ),
  ).toBe(true)
  const before = await countLateTicks()
  Bun.sleepSync(350)
  expect(await pollUntil(1_000, async () => (await countLateTicks()) > before)).toBe(true)
})
