import { expect, test } from 'bun:test'
import { createTestApi } from '../testkit/api/test-api.ts'

test('returns the secret of a user to the owner, as text and as a QR code', async () => {
  await using api = await createTestApi()
  const owner = await api.logInAs('owner')
  const ada = await api.createUser('ada', 'viewer')
  const response = await api.call('GET', '/user/auth/setup/ada', { token: owner.token })
  expect(response.status).toBe(200)
  expect(response.headers.get('cache-control')).toBe('no-store')
  expect(response.body).toEqual({
    qr: expect.stringMatching(/^data:image\/png;base64,iVBORw0KGgo[A-Za-z0-9+/]+=*$/),
    secret: ada.secret,
  })
})

test('a user added by the API can log in with the secret', async () => {
  await using api = await createTestApi()
  const owner = await api.logInAs('owner')
  await api.call('POST', '/user/add', { token: owner.token, json: { username: 'ada', group: 'viewer' } })
  const { body } = await api.call('GET', '/user/auth/setup/ada', { token: owner.token })
  const { secret } = body as { secret: string }
  expect(secret).toMatch(/^[A-Z2-7]{32}$/)
  await api.logIn({ username: 'ada', secret })
})

test('reading a secret changes nothing', async () => {
  await using api = await createTestApi()
  const owner = await api.logInAs('owner')
  const ada = await api.logInAs('viewer', 'ada')
  const readSecret = async () => (await api.call('GET', '/user/auth/setup/ada', { token: owner.token })).body
  expect(await readSecret()).toEqual(await readSecret())
  expect(await api.call('GET', '/droplet/list', { token: ada.token })).toMatchObject({ status: 200 })
})

test.each(['nobody', 'ADA', '%zz', '%00'])('rejects the unknown user %s with 903', async username => {
  await using api = await createTestApi()
  const owner = await api.logInAs('owner')
  await api.createUser('ada', 'viewer')
  const response = await api.call('GET', `/user/auth/setup/${username}`, { token: owner.token })
  expect(response.body).toEqual({ error: 'User not found', errorId: 903 })
  expect(response.status).toBe(400)
})

test.each(['viewer', 'manager'] as const)('a %s cannot read any secret, not even their own', async group => {
  await using api = await createTestApi()
  const user = await api.logInAs(group)
  const response = await api.call('GET', `/user/auth/setup/${user.username}`, { token: user.token })
  expect(response).toMatchObject({ status: 403, body: { errorId: 912 } })
  expect(JSON.stringify(response.body)).not.toContain(user.secret)
})

test('does not reveal to a manager which users exist', async () => {
  await using api = await createTestApi()
  await api.createUser('ada', 'viewer')
  const manager = await api.logInAs('manager')
  const existing = await api.call('GET', '/user/auth/setup/ada', { token: manager.token })
  const absent = await api.call('GET', '/user/auth/setup/nobody', { token: manager.token })
  expect(existing.body).toEqual(absent.body)
})
