import { expect, test } from 'bun:test'
import { createTestApi } from '../testkit/api/test-api.ts'
import { advanceToCode } from '../testkit/auth/advance-to-code.ts'
import { STEP_MS } from '../testkit/auth/time-step.ts'
import { codeAt } from '../testkit/auth/totp.ts'

const rejected = { status: 400, body: { errorId: 902 } }

test('a valid code opens a session', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  const response = await api.call('POST', '/user/auth', {
    json: { username: 'ada', code: codeAt(ada.secret, api.clock.now()) },
  })
  expect(response.status).toBe(200)
  expect(response.body).toEqual({
    token_type: 'Bearer',
    expires_in: 7200,
    access_token: expect.stringMatching(/^[0-9a-f]{64}$/),
    refresh_token: expect.stringMatching(/^[0-9a-f]{64}$/),
  })
  expect(response.headers.get('cache-control')).toBe('no-store')
})

test('all tokens are different', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  const first = await api.logIn(ada)
  api.clock.advance(STEP_MS)
  const second = await api.logIn(ada)
  const tokens = [first.access_token, first.refresh_token, second.access_token, second.refresh_token]
  expect(new Set(tokens).size).toBe(4)
})

test('accepts a form instead of JSON', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  const code = codeAt(ada.secret, api.clock.now())
  const body = new URLSearchParams({ username: 'ada', code })
  expect(await api.call('POST', '/user/auth', { body })).toMatchObject({ status: 200 })
})

test('accepts a code as a JSON number of six digits', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  const code = advanceToCode(api, ada.secret, candidate => !candidate.startsWith('0'))
  const response = await api.call('POST', '/user/auth', { json: { username: 'ada', code: Number(code) } })
  expect(response).toMatchObject({ status: 200 })
})

test('rejects a code that starts with 0 as a number, and accepts it as a string', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  const code = advanceToCode(api, ada.secret, candidate => candidate.startsWith('0'))
  const logIn = (submitted: unknown) => api.call('POST', '/user/auth', { json: { username: 'ada', code: submitted } })
  expect(await logIn(Number(code))).toMatchObject(rejected)
  expect(await logIn(code)).toMatchObject({ status: 200 })
})

test.each([
  ['the current step', 0, 200],
  ['the previous step', -1, 200],
  ['two steps earlier', -2, 400],
  ['the next step', 1, 400],
  ['two steps later', 2, 400],
])('the code of %s (%i) gets status %i', async (_, steps, status) => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  const code = codeAt(ada.secret, api.clock.now() + steps * STEP_MS)
  const response = await api.call('POST', '/user/auth', { json: { username: 'ada', code } })
  expect(response.status).toBe(status)
  if (status === 400) expect(response).toMatchObject(rejected)
})

test('the code of the previous step is valid until the end of the current step', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  const start = api.clock.now() - (api.clock.now() % STEP_MS)
  const code = codeAt(ada.secret, start)
  api.clock.advance(start + 2 * STEP_MS - 1 - api.clock.now())
  expect(await api.call('POST', '/user/auth', { json: { username: 'ada', code } })).toMatchObject({ status: 200 })
  await using laterApi = await createTestApi()
  const bob = await laterApi.createUser('bob', 'viewer')
  const stale = codeAt(bob.secret, start)
  laterApi.clock.advance(start + 2 * STEP_MS - laterApi.clock.now())
  expect(await laterApi.call('POST', '/user/auth', { json: { username: 'bob', code: stale } })).toMatchObject(rejected)
})

test('rejects a code that was already used', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  const json = { username: 'ada', code: codeAt(ada.secret, api.clock.now()) }
  const logIn = () => api.call('POST', '/user/auth', { json })
  expect((await logIn()).status).toBe(200)
  expect(await logIn()).toMatchObject(rejected)
  api.clock.advance(STEP_MS)
  expect(await logIn()).toMatchObject(rejected)
  // Setting the clock back does not make a used step valid again.
  api.clock.advance(-STEP_MS)
  expect(await logIn()).toMatchObject(rejected)
})

test('rejects the previous code after the current one was used', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  await api.logIn(ada)
  const code = codeAt(ada.secret, api.clock.now() - STEP_MS)
  expect(await api.call('POST', '/user/auth', { json: { username: 'ada', code } })).toMatchObject(rejected)
})

test('accepts exactly one of 100 concurrent uses of a code', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  const json = { username: 'ada', code: codeAt(ada.secret, api.clock.now()) }
  const responses = await Promise.all(Array.from({ length: 100 }, () => api.call('POST', '/user/auth', { json })))
  expect(responses.filter(({ status }) => status === 200)).toHaveLength(1)
  // The first failures count as wrong codes, then the login is locked.
  const ids = new Set(responses.filter(({ status }) => status !== 200).map(({ body }) => (body as ErrorBody).errorId))
  expect([...ids].toSorted()).toEqual([902, 915])
})

test('rejects the code of another user', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  await api.createUser('bob', 'viewer')
  const code = codeAt(ada.secret, api.clock.now())
  expect(await api.call('POST', '/user/auth', { json: { username: 'bob', code } })).toMatchObject(rejected)
})

test('does not accept an access token instead of a code', async () => {
  await using api = await createTestApi()
  const owner = await api.logInAs('owner')
  const response = await api.call('POST', '/user/auth', { token: owner.token, json: {} })
  expect(response).toMatchObject({ status: 400, body: { errorId: 901 } })
})

interface ErrorBody {
  errorId: number
}
