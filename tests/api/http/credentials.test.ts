import { expect, test } from 'bun:test'
import { createTestApi } from '../../testkit/api/test-api.ts'

const noToken = { status: 401, body: { errorId: 908 } }
const malformed = { status: 400, body: { errorId: 917 } }

test.each<[string, (token: string) => string]>([
  ['Bearer', token => `Bearer ${token}`],
  ['Bearer with a colon', token => `Bearer: ${token}`],
  ['bearer in lower case', token => `bearer ${token}`],
  ['BEARER: in upper case', token => `BEARER: ${token}`],
  ['Bearer and several spaces', token => `Bearer   ${token}  `],
])('accepts the header %s', async (_, authorization) => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('viewer')
  const headers = { authorization: authorization(token) }
  expect(await api.call('GET', '/droplet/list', { headers })).toMatchObject({ status: 200 })
})

test.each<[string, (token: string) => string]>([
  ['of another scheme', token => `Basic ${token}`],
  ['of a scheme that begins with Bearer', token => `BearerX ${token}`],
  ['without a scheme', token => token],
  ['without a space', token => `Bearer${token}`],
  ['with a colon and no space', token => `Bearer:${token}`],
  ['with two tokens', token => `Bearer ${token} ${token}`],
  ['with quotes', token => `Bearer "${token}"`],
  ['without a token', () => 'Bearer'],
  ['that is empty', () => ''],
])('ignores a header %s', async (_, authorization) => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('viewer')
  const headers = { authorization: authorization(token) }
  expect(await api.call('GET', '/droplet/list', { headers })).toMatchObject(noToken)
})

test('accepts the token in the body of a POST, PATCH or DELETE, as JSON or as a form', async () => {
  await using api = await createTestApi()
  const { token: access_token } = await api.logInAs('manager')
  const form = () => new URLSearchParams({ access_token })
  expect(await api.call('POST', '/droplet/add', { json: { access_token } })).toMatchObject({ status: 200 })
  expect(await api.call('POST', '/droplet/add', { body: form() })).toMatchObject({ status: 200 })
  expect(await api.call('PATCH', '/droplet/stop/cikit01', { json: { access_token } })).toMatchObject({ status: 200 })
  expect(await api.call('PATCH', '/droplet/start/cikit01', { body: form() })).toMatchObject({ status: 200 })
  expect(await api.call('DELETE', '/droplet/delete/cikit01', { json: { access_token } })).toMatchObject({ status: 200 })
  expect(await api.call('DELETE', '/droplet/delete/cikit02', { body: form() })).toMatchObject({ status: 200 })
})

test.each<[string, (token: string) => unknown]>([
  ['in an array', token => [token]],
  ['in an object', token => ({ token })],
  ['as an operator', () => ({ $ne: 'x' })],
  ['empty', () => ''],
  ['null', () => null],
  ['a number', () => 7],
  ['true', () => true],
])('ignores a field access_token %s', async (_, field) => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('manager')
  const json = { access_token: field(token) }
  expect(await api.call('POST', '/droplet/add', { json })).toMatchObject(noToken)
  expect(api.memoryEngine.calls).toEqual([])
})

test('accepts the same token in two places', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('manager')
  const response = await api.call('POST', '/droplet/add', { token, json: { access_token: token } })
  expect(response).toMatchObject({ status: 200 })
})

test('rejects two different tokens, even if both are valid', async () => {
  await using api = await createTestApi()
  const first = await api.logInAs('manager')
  const second = await api.logInAs('owner')
  for (const [token, access_token] of [
    [first.token, second.token],
    [second.token, first.token],
    [first.token, 'x'],
    ['x', first.token],
  ]) {
    const response = await api.call('POST', '/droplet/add', { ...(token && { token }), json: { access_token } })
    expect(response).toMatchObject(malformed)
  }
  expect(api.memoryEngine.calls).toEqual([])
})

test.each([
  'access_token',
  'refresh_token',
  'token',
  'access%5Ftoken',
  'a=b&access_token',
  'access_token[$ne]=x&token',
])('rejects a valid token in the query string as %s, also with a token in the header', async name => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('viewer')
  const path = `/droplet/list?${name}=${token}`
  expect(await api.call('GET', path)).toMatchObject(malformed)
  expect(await api.call('GET', path, { token })).toMatchObject(malformed)
})

test('open routes reject a token in the query string', async () => {
  await using api = await createTestApi()
  for (const path of ['/user/auth', '/user/auth/refresh', '/user/auth/revoke/ada']) {
    const method = path.includes('revoke') ? 'DELETE' : 'POST'
    expect(await api.call(method, `${path}?refresh_token=${'a'.repeat(64)}`)).toMatchObject(malformed)
  }
})

test('an operator in the query string is not a token', async () => {
  await using api = await createTestApi()
  await api.logInAs('owner')
  expect(await api.call('GET', '/user/list?access_token[$ne]=x')).toMatchObject(noToken)
})

test('accepts a query without a token', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('viewer')
  expect(await api.call('GET', '/droplet/list?page=1&x=token', { token })).toMatchObject({ status: 200 })
})

test('rejects two Authorization headers with different tokens, and accepts them with the same token', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('viewer')
  const list = (authorization: string) => api.call('GET', '/droplet/list', { headers: { authorization } })
  expect((await list(`Bearer ${token}, Bearer ${token}`)).status).toBe(200)
  expect(await list(`Bearer ${token}, Bearer ${'0'.repeat(64)}`)).toMatchObject({ status: 400, body: { errorId: 917 } })
})

test('open routes reject two different tokens', async () => {
  await using api = await createTestApi()
  const json = { username: 'ada', code: '123456', access_token: '1'.repeat(64) }
  const response = await api.call('POST', '/user/auth', { token: '0'.repeat(64), json })
  expect(response).toMatchObject({ status: 400, body: { errorId: 917 } })
})
