import { expect, test } from 'bun:test'
import { createTestApi, type TestApi } from '../testkit/api/test-api.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

function list(api: TestApi, token: string) {
  return api.call('GET', '/droplet/list', { token })
}

test('an access token is valid for two hours', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('viewer')
  api.clock.advance(2 * HOUR - 1)
  expect(await list(api, token)).toMatchObject({ status: 200 })
  api.clock.advance(1)
  expect(await list(api, token)).toMatchObject({ status: 401, body: { errorId: 909 } })
})

test('an expired access token is reported as expired for at least a day', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('viewer')
  api.clock.advance(2 * HOUR + DAY)
  await api.context.runMaintenance()
  expect(await list(api, token)).toMatchObject({ status: 401, body: { errorId: 909 } })
})

test('the last access token of a session is reported as expired for a day, then as unknown', async () => {
  await using api = await createTestApi()
  let tokens = await api.logIn(await api.createUser('ada', 'viewer'))
  for (let day = 0; day < 30; day += 5) {
    const json = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token }
    tokens = (await api.call('POST', '/user/auth/refresh', { json })).body as typeof tokens
    api.clock.advance(5 * DAY)
  }
  api.clock.advance(DAY)
  await api.context.runMaintenance()
  expect(await list(api, tokens.access_token)).toMatchObject({ status: 401, body: { errorId: 909 } })
  api.clock.advance(1)
  await api.context.runMaintenance()
  expect(await list(api, tokens.access_token)).toMatchObject({ status: 401, body: { errorId: 908 } })
})

test('setting the clock back does not extend the lifetime of a token', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('viewer')
  api.clock.advance(-HOUR)
  expect(await list(api, token)).toMatchObject({ status: 200 })
  api.clock.advance(3 * HOUR)
  expect(await list(api, token)).toMatchObject({ status: 401, body: { errorId: 909 } })
})

test.each<[string, (token: string) => string]>([
  ['an unknown token', () => 'a'.repeat(64)],
  ['a token in upper case', token => token.toUpperCase()],
  ['a truncated token', token => token.slice(0, 63)],
  ['a token with an extra digit', token => `${token}0`],
  ['an injection', () => "'OR/**/1=1--"],
  ['a word', () => 'undefined'],
])('rejects %s with 908', async (_, toVariant) => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('viewer')
  expect(await list(api, toVariant(token))).toMatchObject({ status: 401, body: { errorId: 908 } })
})

test('a user has at most ten sessions, and a new one replaces the oldest', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  const bob = await api.logInAs('viewer', 'bob')
  const tokens: string[] = []
  for (let count = 0; count < 12; count++) {
    tokens.push((await api.logIn(ada)).access_token)
    api.clock.advance(30_000)
  }
  const statuses = await Promise.all(tokens.map(async token => (await list(api, token)).status))
  expect(statuses).toEqual([401, 401, ...Array.from({ length: 10 }, () => 200)])
  expect(await list(api, bob.token)).toMatchObject({ status: 200 })
})

test('a change of group applies from the next request on', async () => {
  await using api = await createTestApi()
  const ada = await api.logInAs('manager', 'ada')
  expect(await api.call('POST', '/droplet/add', { token: ada.token })).toMatchObject({ status: 200 })
  await api.context.db.write(() => api.context.db.sql.run("UPDATE users SET user_group = 'viewer'"))
  expect(await api.call('POST', '/droplet/add', { token: ada.token })).toMatchObject({
    status: 403,
    body: { errorId: 912 },
  })
})

test('setting the clock back before a restart does not extend the lifetime of a token', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('viewer')
  const status = async () => (await api.call('GET', '/droplet/list', { token })).status
  api.clock.advance(7_199_000)
  expect(await status()).toBe(200)
  api.clock.adjust(-86_400_000)
  expect(await status()).toBe(200)
  await api.context.runMaintenance()
  await api.restart()
  api.clock.advance(1_000)
  expect(await status()).toBe(401)
})
