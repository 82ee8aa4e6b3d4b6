import { expect, test } from 'bun:test'
import { createTestApi } from '../../testkit/api/test-api.ts'

test.each<[string, string, unknown, number, string]>([
  ['POST', '/user/add', { username: 7 }, 913, 'Both "username" and "group" are required'],
  ['POST', '/user/add', { username: '', group: 'admin' }, 913, 'Both "username" and "group" are required'],
  ['POST', '/user/add', { username: 7, group: 'admin' }, 917, 'A username '],
  ['POST', '/user/add', { username: 'ada', group: 'admin' }, 905, 'Unknown group'],
  ['PATCH', '/user/group/ada', { group: null }, 913, 'The "group" is required'],
  ['POST', '/user/auth', { username: 7, code: null }, 901, 'Both "username" and "code" are required'],
  ['POST', '/user/auth', { username: 7, code: true }, 917, 'The "username" must be text'],
  ['POST', '/user/auth/recover', { username: 'ada' }, 901, 'Both "username" and "recovery_code" are required'],
  ['POST', '/droplet/add', { ssh_keys: [7] }, 917, 'The "ssh_keys" must be'],
])('%s %s with %j is %i', async (method, path, json, errorId, text) => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  const { body } = await api.call(method, path, { token, json })
  expect(body).toEqual({ error: expect.stringContaining(text), errorId })
})

test.each([
  ['/operation/list?hunter2=1', 'Unknown query parameter: use limit, droplet, cursor'],
  ['/operation/list?limit=hunter2', 'The "limit" must be a whole number from 1 to 1000'],
  ['/droplet/stats?hunter2=1', 'This route takes no query'],
])('rejects %s without repeating the input', async (path, text) => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  const { body } = await api.call('GET', path, { token })
  expect(body).toEqual({ error: text, errorId: 917 })
})

test('ignores unknown fields and an unusable access token', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  for (const json of [{ note: 'x' }, { access_token: 7 }, { access_token: null }, { ssh_keys: null }, { ssh_keys: '' }])
    expect((await api.call('POST', '/droplet/add', { token, json })).status).toBe(200)
})

test('an Idempotency-Key covers unknown fields', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  const headers = { 'idempotency-key': 'build-4711' }
  const add = (note: string) => api.call('POST', '/droplet/add', { token, headers, json: { note } })
  expect((await add('a')).status).toBe(200)
  expect((await add('a')).status).toBe(200)
  expect(await add('b')).toMatchObject({ status: 409, body: { errorId: 930 } })
})
