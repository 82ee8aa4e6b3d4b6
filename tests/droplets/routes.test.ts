import { describe, expect, test } from 'bun:test'
import { ApiError } from '../../src/core/errors.ts'
import { createTestApi } from '../testkit/api/test-api.ts'
import { waitUntil } from '../testkit/wait-until.ts'

const changes = [
  ['PATCH', '/droplet/start/'],
  ['PATCH', '/droplet/stop/'],
  ['PATCH', '/droplet/restart/'],
  ['DELETE', '/droplet/delete/'],
] as const

const routes = [
  ['GET', '/droplet/list'],
  ['POST', '/droplet/add'],
  ...changes.map(([method, path]) => [method, `${path}cikit01`] as const),
] as const

/** The whole API with a manager logged in. */
async function createManagerApi() {
  const api = await createTestApi()
  const { token } = await api.logInAs('manager')
  return {
    ...api,
    callAsManager: (method: string, path: string) => api.call(method, path, { token }),
    [Symbol.asyncDispose]: api[Symbol.asyncDispose],
  }
}

const ports = (number: string) => ({
  '22': { type: 'tcp', from: { ip: '0.0.0.0', port: Number(`22${number}`) } },
  '80': { type: 'tcp', from: { ip: '127.0.0.1', port: Number(`80${number}`) } },
  '443': { type: 'tcp', from: { ip: '127.0.0.1', port: Number(`443${number}`) } },
})

const expectedBody = (number: string, overrides: object = {}) => ({
  id: expect.stringMatching(/^[0-9a-f]{12}$/),
  name: `cikit${number}`,
  created: 'Less than a second ago',
  created_at: '2026-01-02T03:04:05.000Z',
  created_by: 'manager',
  status: 'Up Less than a second',
  state: 'running',
  ports: ports(number),
  number: Number(number),
  hostname: `cikit${number}.matrix.test`,
  image: 'localhost/cikit-droplet:bookworm',
  started_at: '2026-01-02T03:04:05.000Z',
  stopped_at: null,
  exit_code: null,
  health: 'booting',
  ssh: { command: `ssh -p 22${number} root@matrix.test`, host_key: null, fingerprint: null },
  ...overrides,
})

test('the list is empty without droplets', async () => {
  await using api = await createManagerApi()
  const { status, body, headers } = await api.callAsManager('GET', '/droplet/list')
  expect({ status, body }).toEqual({ status: 200, body: [] })
  expect(headers.get('content-type')).toContain('application/json')
})

test('the list is newest first, with ages as of the response', async () => {
  await using api = await createManagerApi()
  await api.callAsManager('POST', '/droplet/add')
  api.clock.advance(9 * 60_000)
  await api.callAsManager('POST', '/droplet/add')
  const { body } = await api.callAsManager('GET', '/droplet/list')
  expect(body).toEqual([
    expectedBody('02', { created_at: '2026-01-02T03:13:05.000Z', started_at: '2026-01-02T03:13:05.000Z' }),
    expectedBody('01', { created: '9 minutes ago', status: 'Up 9 minutes', health: null }),
  ])
})

test('the list has the short container id and no creation parameters', async () => {
  await using api = await createManagerApi()
  const { body } = await api.callAsManager('POST', '/droplet/add')
  const text = JSON.stringify(body)
  expect(text).toContain(`"${api.memoryEngine.droplets[0]?.id.slice(0, 12)}"`)
  expect(text).not.toContain(api.memoryEngine.droplets[0]?.id ?? 'no id')
  expect(text).not.toContain(api.memoryEngine.droplets[0]?.mark ?? 'no mark')
})

test('every change returns the updated list', async () => {
  await using api = await createManagerApi()
  const stopped = {
    state: 'exited',
    status: 'Exited (0) Less than a second ago',
    stopped_at: '2026-01-02T03:04:05.000Z',
    exit_code: 0,
    health: null,
    ports: {},
    ssh: null,
  }
  const steps: [string, string, unknown[]][] = [
    ['POST', '/droplet/add', [expectedBody('01')]],
    ['POST', '/droplet/add', [expectedBody('02'), expectedBody('01')]],
    ['PATCH', '/droplet/stop/cikit01', [expectedBody('02'), expectedBody('01', stopped)]],
    ['PATCH', '/droplet/start/cikit01', [expectedBody('02'), expectedBody('01')]],
    ['PATCH', '/droplet/restart/cikit02', [expectedBody('02'), expectedBody('01')]],
    ['DELETE', '/droplet/delete/cikit02', [expectedBody('01')]],
    ['POST', '/droplet/add', [expectedBody('02'), expectedBody('01')]],
    ['DELETE', '/droplet/delete/cikit01', [expectedBody('02')]],
  ]
  for (const [method, path, body] of steps) {
    expect([path, await api.callAsManager(method, path)]).toEqual([
      path,
      expect.objectContaining({ status: 200, body }),
    ])
  }
})

describe.each(routes)('%s %s', (method, path) => {
  test('returns 918 while the engine is away, and recovers', async () => {
    await using api = await createManagerApi()
    await api.callAsManager('POST', '/droplet/add')
    api.memoryEngine.disconnect()
    // The end of the event stream is noticed in the next turn of the event loop.
    const isAway = async () => (await api.callAsManager('GET', '/droplet/list')).status !== 200
    await waitUntil(isAway, { what: 'the loss of the engine' })
    const { status, body } = await api.callAsManager(method, path)
    expect({ status, body }).toEqual({
      status: 503,
      body: { errorId: 918, error: 'The container engine cannot be reached or did not answer in time' },
    })
    api.memoryEngine.reconnect()
    expect((await api.callAsManager(method, path)).status).toBe(200)
  })
})

describe.each(routes.filter(([method]) => method !== 'GET'))('%s %s', (method, path) => {
  test('reports an unexpected failure without details', async () => {
    await using api = await createManagerApi()
    await api.callAsManager('POST', '/droplet/add')
    api.memoryEngine.failNext('list', new Error('secret of the engine'))
    const { status, body } = await api.callAsManager(method, path)
    expect({ status, body }).toEqual({ status: 500, body: { error: 'Internal server error', errorId: 0 } })
    expect(api.logLines.join('')).toContain('secret of the engine')
  })
})

describe('adding', () => {
  test('returns 919 with 409 when every number is taken', async () => {
    await using api = await createManagerApi()
    for (let number = 1; number <= 99; number++) api.memoryEngine.takenPorts.add(Number(`${8000 + number}`))
    const { status, body } = await api.callAsManager('POST', '/droplet/add')
    expect({ status, body }).toEqual({
      status: 409,
      body: { error: 'No free droplet number: delete a droplet first', errorId: 919 },
    })
    expect((await api.callAsManager('GET', '/droplet/list')).body).toEqual([])
  })

  test.each([
    ['engineUnfit', 923, 'The container engine cannot run droplets: Docker 1.13 is not known to boot systemd'],
    ['imageUnavailable', 924, 'The droplet image is not available: no basic auth credentials'],
  ] as const)('reports %s as %i with 503 and its reason', async (kind, errorId, text) => {
    await using api = await createManagerApi()
    api.memoryEngine.failNext('prepare', new ApiError(kind, { text }))
    const { status, body } = await api.callAsManager('POST', '/droplet/add')
    expect({ status, body }).toEqual({ status: 503, body: { error: text, errorId } })
  })

  test('returns 900 with the text of the engine', async () => {
    await using api = await createManagerApi()
    const text = 'Error response from daemon: no space left on device'
    api.memoryEngine.failNext('start', new ApiError('engineRefused', { text }))
    const { status, body } = await api.callAsManager('POST', '/droplet/add')
    expect({ status, body }).toEqual({ status: 400, body: { error: text, errorId: 900 } })
  })
})

describe.each(changes)('%s %s', (method, path) => {
  test('returns 900 for an unknown droplet', async () => {
    await using api = await createManagerApi()
    const { status, body } = await api.callAsManager(method, `${path}cikit42`)
    const error = 'Error response from daemon: No such container: cikit42'
    expect({ status, body }).toEqual({ status: 400, body: { error, errorId: 900 } })
  })

  test.each([
    '%2e%2e%2fcikit01',
    '..%2f..%2fversion',
    'cikit01%00',
    'cikit01%0d%0aX-Evil:%201',
    '%ff',
    '%',
    '%zz',
    ';reboot',
    '$(id)',
    '{{7*7}}',
    '(a+)+$',
    '%3Cscript%3E',
    'cikit%F0%9F%92%A9',
  ])('returns 900 for %s without repeating it and without engine calls', async name => {
    await using api = await createManagerApi()
    await api.callAsManager('POST', '/droplet/add')
    api.memoryEngine.calls.length = 0
    const { status, body, headers } = await api.callAsManager(method, `${path}${name}`)
    const error = 'Error response from daemon: No such container'
    expect({ status, body }).toEqual({ status: 400, body: { error, errorId: 900 } })
    expect(headers.has('x-evil')).toBe(false)
    expect(api.memoryEngine.calls).toEqual([])
  })

  test('does not accept a short id as a name', async () => {
    await using api = await createManagerApi()
    await api.callAsManager('POST', '/droplet/add')
    api.memoryEngine.calls.length = 0
    const { body } = await api.callAsManager(method, `${path}${api.memoryEngine.droplets[0]?.id.slice(0, 12)}`)
    expect(body).toMatchObject({ errorId: 900 })
    expect(api.memoryEngine.calls).toEqual([])
  })
})

test('a viewer can list and not change', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('viewer')
  const statuses = []
  for (const [method, path] of routes) statuses.push((await api.call(method, path, { token })).status)
  expect(statuses).toEqual([200, 403, 403, 403, 403, 403])
  expect(api.memoryEngine.calls).toEqual([])
})

test('the log entries of a change have the id of its request, also while other changes wait', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('manager')
  const responses = await Promise.all([1, 2, 3].map(() => api.call('POST', '/droplet/add', { token })))
  const entries = api.logLines.map(line => JSON.parse(line)).filter(({ message }) => message === 'droplet added')
  expect(entries.map(({ droplet }) => droplet)).toEqual(['cikit01', 'cikit02', 'cikit03'])
  expect(entries.map(({ requestId }) => requestId)).toEqual(responses.map(({ headers }) => headers.get('x-request-id')))
})

test('the ages grow while nothing changes', async () => {
  await using api = await createManagerApi()
  await api.callAsManager('POST', '/droplet/add')
  const ages = []
  for (let minute = 0; minute < 3; minute++) {
    ages.push(((await api.callAsManager('GET', '/droplet/list')).body as { created: string }[])[0]?.created)
    api.clock.advance(60_000)
  }
  expect(ages).toEqual(['Less than a second ago', 'About a minute ago', '2 minutes ago'])
})

test('a response includes its change before the engine reports it', async () => {
  await using api = await createManagerApi()
  await api.callAsManager('POST', '/droplet/add')
  api.memoryEngine.stopEvents()
  const { body } = await api.callAsManager('PATCH', '/droplet/stop/cikit01')
  expect(body).toMatchObject([{ name: 'cikit01', state: 'exited' }])
  expect((await api.callAsManager('POST', '/droplet/add')).body).toMatchObject([
    { name: 'cikit02' },
    { name: 'cikit01' },
  ])
  expect((await api.callAsManager('DELETE', '/droplet/delete/cikit01')).body).toMatchObject([{ name: 'cikit02' }])
})
