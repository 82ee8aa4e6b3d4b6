import { expect, test } from 'bun:test'
import { createTestApi, type TestApi } from '../testkit/api/test-api.ts'

const DAY = 86_400_000
const rejected = { status: 401, body: { errorId: 910 } }

type Tokens = Awaited<ReturnType<TestApi['logIn']>>

async function logIn(api: TestApi): Promise<Tokens> {
  return await api.logIn(await api.createUser('ada', 'viewer'))
}

function tryRefresh(api: TestApi, refresh_token: unknown) {
  return api.call('POST', '/user/auth/refresh', { json: { grant_type: 'refresh_token', refresh_token } })
}

async function refresh(api: TestApi, token: string): Promise<Tokens> {
  const response = await tryRefresh(api, token)
  expect(response.status).toBe(200)
  return response.body as Tokens
}

async function statusWith(api: TestApi, token: string): Promise<number> {
  return (await api.call('GET', '/droplet/list', { token })).status
}

test('a refresh exchanges both tokens for new ones', async () => {
  await using api = await createTestApi()
  const first = await logIn(api)
  const response = await tryRefresh(api, first.refresh_token)
  expect(response.status).toBe(200)
  expect(response.headers.get('cache-control')).toBe('no-store')
  expect(response.body).toEqual({
    token_type: 'Bearer',
    expires_in: 7200,
    access_token: expect.stringMatching(/^[0-9a-f]{64}$/),
    refresh_token: expect.stringMatching(/^[0-9a-f]{64}$/),
  })
  const second = response.body as Tokens
  expect(second.access_token).not.toBe(first.access_token)
  expect(second.refresh_token).not.toBe(first.refresh_token)
  expect(await statusWith(api, second.access_token)).toBe(200)
  expect(await api.call('GET', '/droplet/list', { token: first.access_token })).toMatchObject({
    status: 401,
    body: { errorId: 908 },
  })
})

test('accepts a form instead of JSON', async () => {
  await using api = await createTestApi()
  const { refresh_token } = await logIn(api)
  const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token })
  expect(await api.call('POST', '/user/auth/refresh', { body })).toMatchObject({ status: 200 })
})

test('a refresh works after the access token has expired', async () => {
  await using api = await createTestApi()
  const first = await logIn(api)
  api.clock.advance(DAY)
  const second = await refresh(api, first.refresh_token)
  expect(await statusWith(api, second.access_token)).toBe(200)
})

test('reuse of a refresh token ends its session, and no other', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  const first = await api.logIn(ada)
  api.clock.advance(30_000)
  const otherSession = await api.logIn(ada)
  const second = await refresh(api, first.refresh_token)
  const third = await refresh(api, second.refresh_token)

  expect(await tryRefresh(api, first.refresh_token)).toMatchObject(rejected)
  expect(await tryRefresh(api, third.refresh_token)).toMatchObject(rejected)
  expect(await statusWith(api, third.access_token)).toBe(401)
  expect(await statusWith(api, otherSession.access_token)).toBe(200)
  await refresh(api, otherSession.refresh_token)
})

test('exactly one of 50 concurrent refreshes with one token succeeds', async () => {
  await using api = await createTestApi()
  const { refresh_token } = await logIn(api)
  const responses = await Promise.all(Array.from({ length: 50 }, () => tryRefresh(api, refresh_token)))
  expect(responses.filter(({ status }) => status === 200)).toHaveLength(1)
  // This many failures from one address lock it.
  const ids = new Set(responses.filter(({ status }) => status !== 200).map(({ body }) => (body as ErrorBody).errorId))
  expect([...ids].toSorted()).toEqual([910, 915])
})

test('a session ends after 7 idle days', async () => {
  await using api = await createTestApi()
  const first = await logIn(api)
  api.clock.advance(7 * DAY - 1)
  const second = await refresh(api, first.refresh_token)
  api.clock.advance(7 * DAY)
  expect(await tryRefresh(api, second.refresh_token)).toMatchObject(rejected)
})

test('a session ends after 30 days, even if it is in use', async () => {
  await using api = await createTestApi()
  let tokens = await logIn(api)
  for (let day = 6; day < 30; day += 6) {
    api.clock.advance(6 * DAY)
    tokens = await refresh(api, tokens.refresh_token)
  }
  api.clock.advance(6 * DAY - 1)
  tokens = await refresh(api, tokens.refresh_token)
  expect(await statusWith(api, tokens.access_token)).toBe(200)
  api.clock.advance(1)
  expect(await tryRefresh(api, tokens.refresh_token)).toMatchObject(rejected)
  expect(await api.call('GET', '/droplet/list', { token: tokens.access_token })).toMatchObject({
    status: 401,
    body: { errorId: 909 },
  })
})

test.each<[string, (tokens: Tokens) => string]>([
  ['an access token', tokens => tokens.access_token],
  ['an unknown token', () => 'a'.repeat(64)],
  ['the refresh token in upper case', tokens => tokens.refresh_token.toUpperCase()],
  ['a truncated refresh token', tokens => tokens.refresh_token.slice(1)],
  ['a refresh token with an extra digit', tokens => `${tokens.refresh_token}0`],
  ['a refresh token followed by a line feed', tokens => `${tokens.refresh_token}\n`],
  ['an injection', () => "' OR 1=1--"],
])('rejects %s with 910, and the session continues', async (_, toVariant) => {
  await using api = await createTestApi()
  const tokens = await logIn(api)
  const response = await tryRefresh(api, toVariant(tokens))
  expect(response).toMatchObject(rejected)
  expect(response.headers.get('www-authenticate')).toStartWith('Bearer ')
  await refresh(api, tokens.refresh_token)
})

test.each<[string, Record<string, unknown>]>([
  ['an empty body', {}],
  ['no grant type', { refresh_token: 'a'.repeat(64) }],
  ['another grant type', { grant_type: 'password', refresh_token: 'a'.repeat(64) }],
  ['no token', { grant_type: 'refresh_token' }],
  ['an empty token', { grant_type: 'refresh_token', refresh_token: '' }],
  ['an operator as the token', { grant_type: 'refresh_token', refresh_token: { $ne: 'x' } }],
  ['an array as the token', { grant_type: 'refresh_token', refresh_token: ['a'.repeat(64)] }],
])('rejects %s with 917', async (_, json) => {
  await using api = await createTestApi()
  const response = await api.call('POST', '/user/auth/refresh', { json })
  expect(response).toMatchObject({ status: 400, body: { errorId: 917 } })
})

test('does not accept a refresh token as a bearer token', async () => {
  await using api = await createTestApi()
  const { refresh_token } = await logIn(api)
  expect(await api.call('GET', '/droplet/list', { token: refresh_token })).toMatchObject({
    status: 401,
    body: { errorId: 908 },
  })
})

interface ErrorBody {
  errorId: number
}
