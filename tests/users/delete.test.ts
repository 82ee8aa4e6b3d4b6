import { expect, test } from 'bun:test'
import { createTestApi } from '../testkit/api/test-api.ts'

test('removes the user from the list and ends the user’s sessions', async () => {
  await using api = await createTestApi()
  const owner = await api.logInAs('owner')
  const bob = await api.logInAs('viewer', 'bob')
  const tokens = await api.logIn(await api.createUser('ada', 'manager'))

  const response = await api.call('DELETE', '/user/delete/ada', { token: owner.token })
  expect(response.status).toBe(200)
  expect(response.body).toMatchObject([{ username: 'owner' }, { username: 'bob' }])
  expect(response.body).toHaveLength(2)
  expect(await api.call('GET', '/droplet/list', { token: tokens.access_token })).toMatchObject({
    status: 401,
    body: { errorId: 908 },
  })
  const json = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token }
  expect(await api.call('POST', '/user/auth/refresh', { json })).toMatchObject({ status: 401, body: { errorId: 910 } })
  expect(await api.call('GET', '/droplet/list', { token: bob.token })).toMatchObject({ status: 200 })
})

test('a new user with the name of a deleted one inherits nothing', async () => {
  await using api = await createTestApi()
  const owner = await api.logInAs('owner')
  const before = await api.logInAs('manager', 'ada')
  await api.call('DELETE', '/user/delete/ada', { token: owner.token })
  const after = await api.createUser('ada', 'viewer')
  expect(after.secret).not.toBe(before.secret)
  expect(await api.call('GET', '/droplet/list', { token: before.token })).toMatchObject({ status: 401 })
  await expect(api.logIn(before)).rejects.toThrow('902')
  await api.logIn(after)
})

test('rejects deleting the owner', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  const response = await api.call('DELETE', '/user/delete/owner', { token })
  expect(response).toMatchObject({ status: 403, body: { errorId: 916 } })
  expect(await api.call('GET', '/user/list', { token })).toMatchObject({ status: 200, body: [{ username: 'owner' }] })
})

test.each([
  'nobody',
  'ADA',
  'OWNER',
  'ad',
  'ad%25',
  '%zz',
  '%00',
  'ada%00',
  '..%2fada',
  "'%20OR%201=1--",
  '%e2%80%aeada',
])('rejects the unknown user %s with 903 without repeating the name', async username => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  await api.createUser('ada', 'viewer')
  const response = await api.call('DELETE', `/user/delete/${username}`, { token })
  expect(response.status).toBe(400)
  expect(response.body).toEqual({ error: 'User not found', errorId: 903 })
  expect(api.context.users.list()).toHaveLength(2)
})

test('does not reveal to a manager which users exist', async () => {
  await using api = await createTestApi()
  await api.createUser('ada', 'viewer')
  const { token } = await api.logInAs('manager')
  const existing = await api.call('DELETE', '/user/delete/ada', { token })
  const absent = await api.call('DELETE', '/user/delete/nobody', { token })
  expect(existing).toMatchObject({ status: 403, body: { errorId: 912 } })
  expect(absent.body).toEqual(existing.body)
  expect(api.context.users.list()).toHaveLength(2)
})
