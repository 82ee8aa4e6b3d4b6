import { expect, test } from 'bun:test'
import { createTestApi, type TestApi } from '../testkit/api/test-api.ts'

const DAY = 86_400_000

function revoke(api: TestApi, username: string, token?: string) {
  return api.call('DELETE', `/user/auth/revoke/${username}`, token ? { token } : {})
}

async function statusWith(api: TestApi, token: string): Promise<number> {
  return (await api.call('GET', '/droplet/list', { token })).status
}

async function refresh(api: TestApi, refresh_token: string) {
  return await api.call('POST', '/user/auth/refresh', { json: { grant_type: 'refresh_token', refresh_token } })
}

test('ends all sessions of the user, and none of another user', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  const phone = await api.logIn(ada)
  api.clock.advance(30_000)
  const laptop = await api.logIn(ada)
  const bob = await api.logInAs('viewer', 'bob')

  const response = await revoke(api, 'ada', phone.access_token)
  expect(response).toMatchObject({ status: 200, body: { status: 'ok' } })
  expect(response.body).toEqual({ status: 'ok' })
  for (const tokens of [phone, laptop]) {
    expect(await statusWith(api, tokens.access_token)).toBe(401)
    expect(await refresh(api, tokens.refresh_token)).toMatchObject({ status: 401, body: { errorId: 910 } })
  }
  expect(await statusWith(api, bob.token)).toBe(200)
  api.clock.advance(30_000)
  await api.logIn(ada)
})

test('the owner ends the sessions of another user', async () => {
  await using api = await createTestApi()
  const owner = await api.logInAs('owner')
  const ada = await api.logInAs('manager', 'ada')
  expect(await revoke(api, 'ada', owner.token)).toMatchObject({ status: 200, body: { status: 'ok' } })
  expect(await statusWith(api, ada.token)).toBe(401)
  expect(await statusWith(api, owner.token)).toBe(200)
})

test('accepts a valid refresh token instead of the access token', async () => {
  await using api = await createTestApi()
  const { access_token, refresh_token } = await api.logIn(await api.createUser('ada', 'viewer'))
  api.clock.advance(7 * DAY - 1)
  expect(await revoke(api, 'ada', refresh_token)).toMatchObject({ status: 200, body: { status: 'ok' } })
  expect(await statusWith(api, access_token)).toBe(401)
  expect(await refresh(api, refresh_token)).toMatchObject({ status: 401 })
})

test('only the owner revokes for other users with a refresh token', async () => {
  await using api = await createTestApi()
  const owner = await api.logIn(await api.createUser('owner', 'owner'))
  const ada = await api.logIn(await api.createUser('ada', 'manager'))
  expect(await revoke(api, 'owner', ada.refresh_token)).toMatchObject({ status: 401, body: { errorId: 904 } })
  expect(await revoke(api, 'ada', owner.refresh_token)).toMatchObject({ status: 200 })
})

test('rejects an exchanged or expired refresh token with 910 and ends no session', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  const first = await api.logIn(ada)
  const second = (await refresh(api, first.refresh_token)).body as typeof first
  expect(await revoke(api, 'ada', first.refresh_token)).toMatchObject({ status: 401, body: { errorId: 910 } })
  expect(await statusWith(api, second.access_token)).toBe(200)
  api.clock.advance(7 * DAY)
  const fresh = await api.logIn(ada)
  expect(await revoke(api, 'ada', second.refresh_token)).toMatchObject({ status: 401, body: { errorId: 910 } })
  expect(await statusWith(api, fresh.access_token)).toBe(200)
})

test('rejects an expired access token with 909', async () => {
  await using api = await createTestApi()
  const ada = await api.logInAs('viewer', 'ada')
  api.clock.advance(7_200_000)
  expect(await revoke(api, 'ada', ada.token)).toMatchObject({ status: 401, body: { errorId: 909 } })
})

test.each(['a'.repeat(64), 'short', undefined])('rejects the token %j with 908', async token => {
  await using api = await createTestApi()
  await api.createUser('ada', 'viewer')
  const response = await revoke(api, 'ada', token)
  expect(response).toMatchObject({ status: 401, body: { errorId: 908 } })
  expect(response.headers.get('www-authenticate')).toStartWith('Bearer ')
})

test.each(['owner', 'nobody', 'ADA', 'ada2', '%zz', '..%2fada', '%00'])(
  'a manager may not revoke for %s, and does not learn whether the user exists',
  async username => {
    await using api = await createTestApi()
    const owner = await api.logInAs('owner')
    const ada = await api.logInAs('manager', 'ada')
    const response = await revoke(api, username, ada.token)
    expect(response.status).toBe(401)
    expect(response.body).toEqual({
      error: 'Only the owner may revoke the tokens of another user',
      errorId: 904,
    })
    expect(response.headers.get('www-authenticate')).toStartWith('Bearer ')
    expect(await statusWith(api, ada.token)).toBe(200)
    expect(await statusWith(api, owner.token)).toBe(200)
  },
)

test.each(['nobody', 'ADA', '%zz', 'a%2fb', '%00', '%F0%9F%98%80'])(
  'reports the unknown user %s to the owner without repeating the name',
  async username => {
    await using api = await createTestApi()
    const owner = await api.logInAs('owner')
    await api.createUser('ada', 'viewer')
    const response = await revoke(api, username, owner.token)
    expect(response).toMatchObject({ status: 400, body: { errorId: 903 } })
    expect(response.body).toEqual({ error: 'User not found', errorId: 903 })
  },
)
