import { expect, test } from 'bun:test'
import { type CallOptions, createTestApi, type TestApi } from '../../testkit/api/test-api.ts'

/** One request for each kind of response. */
const cases: [number, string, (api: TestApi, token: string) => [string, string, CallOptions?]][] = [
  [200, 'a list', (_, token) => ['GET', '/user/list', { token }]],
  [200, 'the list of droplets', (_, token) => ['GET', '/droplet/list', { token }]],
  [200, 'a change', (_, token) => ['POST', '/droplet/add', { token }]],
  [200, 'a secret', (_, token) => ['GET', '/user/auth/setup/owner', { token }]],
  [400, 'a missing field', () => ['POST', '/user/auth', { json: {} }]],
  [
    400,
    'a malformed body',
    () => ['POST', '/user/auth', { body: '{', headers: { 'content-type': 'application/json' } }],
  ],
  [400, 'a token in the query string', () => ['GET', '/user/list?token=x']],
  [401, 'no token', () => ['GET', '/user/list']],
  [401, 'an unknown token', () => ['GET', '/user/list', { token: 'a'.repeat(64) }]],
  [401, 'an unknown token for revoke', () => ['DELETE', '/user/auth/revoke/x', { token: 'a'.repeat(64) }]],
  [
    401,
    'an unknown refresh token',
    () => ['POST', '/user/auth/refresh', { json: { grant_type: 'refresh_token', refresh_token: 'x' } }],
  ],
  [403, 'the owner', (_, token) => ['DELETE', '/user/delete/owner', { token }]],
  [404, 'an unknown route', () => ['GET', '/nowhere']],
  [404, 'another method', () => ['PUT', '/user/list']],
  [413, 'a body too large', () => ['POST', '/user/auth', { body: ' '.repeat(20_000) }]],
  [
    500,
    'an unexpected failure',
    (api, token) => {
      api.memoryEngine.failNext('list', new Error('unexpected'))
      return ['POST', '/droplet/add', { token }]
    },
  ],
]

test.each(cases)('%i for %s has the common headers', async (status, _, request) => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  const response = await api.call(...request(api, token))
  expect(response.status).toBe(status)
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'cache-control': 'no-store',
    'content-type': expect.stringMatching(/^application\/json/),
    'content-security-policy': expect.stringMatching(/^default-src 'self'; img-src 'self' data:; /),
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'x-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
  })
  for (const absent of ['set-cookie', 'access-control-allow-origin', 'server', 'x-powered-by']) {
    expect(response.headers.get(absent)).toBeNull()
  }
  expect(response.headers.get('content-security-policy')).not.toContain('unsafe')
})

test.each(cases.filter(([status]) => status >= 400))(
  '%i for %s is JSON with two fields',
  async (_status, _, request) => {
    await using api = await createTestApi()
    const { token } = await api.logInAs('owner')
    const { body } = await api.call(...request(api, token))
    expect(body).toEqual({ error: expect.stringMatching(/^.+$/), errorId: expect.any(Number) })
    expect(JSON.stringify(body)).not.toMatch(/ at |\.ts|node_modules|Elysia|Bun/)
  },
)

test.each(cases)('%i for %s has WWW-Authenticate only if it is 401', async (status, _, request) => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  const challenge = (await api.call(...request(api, token))).headers.get('www-authenticate')
  if (status === 401) expect(challenge).toMatch(/^Bearer realm="cikit-api"/)
  else expect(challenge).toBeNull()
})

// RFC 6750 section 3.1: "If the request lacks any authentication information, the resource server SHOULD NOT include
// an error code or other error information."
test('WWW-Authenticate names an error only if a token was sent', async () => {
  await using api = await createTestApi()
  const anonymous = await api.call('GET', '/user/list')
  expect(anonymous.headers.get('www-authenticate')).toBe('Bearer realm="cikit-api"')
  const invalid = await api.call('GET', '/user/list', { token: 'a'.repeat(64) })
  expect(invalid.headers.get('www-authenticate')).toContain('error="invalid_token"')
})

test('WWW-Authenticate reports a missing permission to revoke', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('viewer')
  const { headers } = await api.call('DELETE', '/user/auth/revoke/owner', { token })
  expect(headers.get('www-authenticate')).toContain('error="insufficient_scope"')
})

test('every request has a unique id', async () => {
  await using api = await createTestApi()
  const ids = await Promise.all(
    Array.from({ length: 10 }, async () => (await api.call('GET', '/nowhere')).headers.get('x-request-id')),
  )
  expect(new Set(ids).size).toBe(10)
})
