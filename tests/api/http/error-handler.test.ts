import { expect, test } from 'bun:test'
import { Elysia } from 'elysia'
import { createErrorHandler } from '../../../src/api/http/error-handler.ts'
import { ApiError } from '../../../src/core/errors.ts'
import { createTestApi, type TestApi } from '../../testkit/api/test-api.ts'

/** The log entry about the failure of the request with this response. */
function failureEntryOf(api: TestApi, headers: Headers): unknown {
  const entries: Record<string, unknown>[] = api.logLines.map(line => JSON.parse(line))
  return entries.find(
    ({ message, requestId }) => message === 'request failed' && requestId === headers.get('x-request-id'),
  )
}

test('logs an unexpected error in full and reports it without details', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('manager')
  api.memoryEngine.failNext('list', new TypeError('hunter2 at /var/lib', { cause: new Error('underneath') }))
  const { status, headers, body } = await api.call('POST', '/droplet/add', { token })
  expect(status).toBe(500)
  expect(body).toEqual({ error: 'Internal server error', errorId: 0 })
  expect(JSON.stringify([...headers])).not.toContain('hunter2')
  expect(failureEntryOf(api, headers)).toMatchObject({
    level: 'error',
    errorId: 0,
    error: expect.stringMatching(/TypeError: hunter2 at \/var\/lib[\s\S]*caused by Error: underneath/),
  })
})

test('logs the cause of a catalogued error and does not report it', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('manager')
  api.memoryEngine.failNext('list', new ApiError('engineUnavailable', { cause: new Error('hunter2') }))
  const { status, headers, body } = await api.call('POST', '/droplet/add', { token })
  expect(status).toBe(503)
  expect(body).toEqual({ error: expect.not.stringContaining('hunter2'), errorId: 918 })
  expect(failureEntryOf(api, headers)).toMatchObject({ level: 'error', error: expect.stringContaining('hunter2') })
})

test('a response that does not match its schema is an internal error', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('manager')
  await api.call('POST', '/droplet/add', { token })
  const [droplet] = api.memoryEngine.droplets
  Object.assign(droplet ?? {}, { ports: { '22': { type: 'tcp', from: { ip: '0.0.0.0', port: 22.5 } } } })
  const { status, headers, body } = await api.call('PATCH', '/droplet/start/cikit01', { token })
  expect(status).toBe(500)
  expect(body).toEqual({ error: 'Internal server error', errorId: 0 })
  expect(failureEntryOf(api, headers)).toMatchObject({ level: 'error' })
  // A response may be secret, so the log names the mismatch without the content.
  expect(JSON.stringify(failureEntryOf(api, headers))).not.toContain('cikit01')
})

test.each([
  ['GET', '/nowhere'],
  ['GET', '/user'],
  ['POST', '/user/list'],
  ['GET', '/droplet/add'],
  ['PUT', '/droplet/add'],
  ['OPTIONS', '/user/list'],
  ['TRACE', '/user/list'],
  ['DELETE', '/user/delete'],
  ['DELETE', '/user/delete/a/b'],
  ['PATCH', '/droplet/start/'],
  ['GET', '/USER/LIST'],
  ['GET', '/user//list'],
])('%s %s is an unknown route: 404', async (method, path) => {
  await using api = await createTestApi()
  const { status, body } = await api.call(method, path)
  expect(status).toBe(404)
  expect(body).toEqual({ error: 'Route not found', errorId: 404 })
})

test.each(['/favicon.ico', '//api/v1/user/list', '/api/v2/user/list', '/api/v1', '/api/v1/%zz', '/..%2f', '/%00'])(
  'GET %s is an unknown route: 404',
  async path => {
    await using api = await createTestApi()
    const response = await api.app.handle(new Request(`http://localhost${path}`))
    expect(response.status).toBe(404)
    expect(await response.json()).toEqual({ error: 'Route not found', errorId: 404 })
  },
)

test.each(['x', 'x:1', 'ab', 'abc'])('rejects the short Host %s, which would confuse the routing: 917', async host => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  for (const path of ['/aa/api/v1/user/list', '/a/api/v1/user/list', '/aaa/api/v1/user/list']) {
    const headers = { authorization: `Bearer ${token}` }
    const response = await api.app.handle(new Request(`http://${host}${path}`, { headers }))
    expect(response.status).toBe(400)
    expect(await response.json()).toEqual({ error: expect.stringContaining('Host'), errorId: 917 })
  }
})

test.each(['%zz', '%', '%c3', '%c3%28', '%u0041', '%00', '%E0%A4%A'])(
  'broken percent-encoding %s in a path is not an internal error',
  async part => {
    await using api = await createTestApi()
    const { token } = await api.logInAs('owner')
    expect(await api.call('DELETE', `/user/delete/${part}`, { token })).toMatchObject({
      status: 400,
      body: { error: 'User not found', errorId: 903 },
    })
    expect(await api.call('PATCH', `/droplet/stop/${part}`, { token })).toMatchObject({
      status: 400,
      body: { error: 'Error response from daemon: No such container', errorId: 900 },
    })
    expect(api.memoryEngine.calls).toEqual([])
  },
)

test('closes the connection only if the client may still be sending', async () => {
  await using api = await createTestApi()
  const fail = (closeConnection: boolean) => () => {
    throw new ApiError('malformed', { closeConnection })
  }
  const app = new Elysia()
    .use(createErrorHandler(api.context.log, api.context.audit))
    .get('/unfinished', fail(true))
    .get('/finished', fail(false))
  const connection = async (path: string) =>
    (await app.handle(new Request(`http://localhost${path}`))).headers.get('connection')
  expect(await connection('/unfinished')).toBe('close')
  expect(await connection('/finished')).toBeNull()
})
