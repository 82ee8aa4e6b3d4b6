import { expect, test } from 'bun:test'
import { TEST_ACTOR } from '../testkit/actor.ts'
import { createTestApi, type TestApi } from '../testkit/api/test-api.ts'
import { badUsernames } from '../testkit/auth/bad-usernames.ts'

function usernamesOf(api: TestApi): string[] {
  return api.context.users.list().map(({ username }) => username)
}

test.each(['viewer', 'manager'])('returns the list with the new %s at the end', async group => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  const { status, body } = await api.call('POST', '/user/add', { token, json: { username: 'ada', group } })
  expect(status).toBe(200)
  expect(body).toMatchObject([{ username: 'owner' }, { username: 'ada', group }])
})

test('accepts a form instead of JSON', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  const body = new URLSearchParams({ username: 'ada', group: 'viewer', access_token: token })
  expect(await api.call('POST', '/user/add', { body })).toMatchObject({ status: 200 })
  expect(usernamesOf(api)).toEqual(['owner', 'ada'])
})

test.each<[string, unknown, number, number]>([
  ['an empty body', {}, 400, 913],
  ['no group', { username: 'ada' }, 400, 913],
  ['no username', { group: 'viewer' }, 400, 913],
  ['an empty group', { username: 'ada', group: '' }, 400, 913],
  ['an empty username', { username: '', group: 'viewer' }, 400, 913],
  ['a null username', { username: null, group: 'viewer' }, 400, 913],
  ['an unknown group', { username: 'ada', group: 'admin' }, 400, 905],
  ['a group in upper case', { username: 'ada', group: 'VIEWER' }, 400, 905],
  ['a group in an array', { username: 'ada', group: ['viewer'] }, 400, 905],
  ['a taken username', { username: 'owner', group: 'viewer' }, 400, 914],
  ['a taken username in another case', { username: 'OWNER', group: 'viewer' }, 400, 914],
  ['a second owner', { username: 'ada', group: 'owner' }, 403, 906],
])('rejects %s (%j) with %i and %i', async (_, json, status, errorId) => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  expect(await api.call('POST', '/user/add', { token, json })).toMatchObject({ status, body: { errorId } })
  expect(usernamesOf(api)).toEqual(['owner'])
})

test.each(badUsernames.map(name => [name]))('rejects the username %j with 917', async username => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  const response = await api.call('POST', '/user/add', { token, json: { username, group: 'viewer' } })
  expect(response).toMatchObject({ status: 400, body: { errorId: 917 } })
  expect(usernamesOf(api)).toEqual(['owner'])
})

test('creates only one of 20 concurrent owners', async () => {
  await using api = await createTestApi()
  const results = await Promise.allSettled(
    Array.from({ length: 20 }, (_, index) => api.context.users.provision(TEST_ACTOR, `owner${index}`, 'owner', false)),
  )
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  expect(api.context.users.list()).toHaveLength(1)
  const rejected = results.filter(result => result.status === 'rejected')
  for (const { reason } of rejected) expect(reason).toMatchObject({ errorId: 906 })
})

test('accepts only one of 20 concurrent requests for one username', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  const json = { username: 'ada', group: 'viewer' }
  const add = () => api.call('POST', '/user/add', { token, json })
  const responses = await Promise.all(Array.from({ length: 20 }, add))
  expect(responses.filter(({ status }) => status === 200)).toHaveLength(1)
  expect(responses.filter(({ status }) => status !== 200)).toMatchObject(
    Array.from({ length: 19 }, () => ({ status: 400, body: { errorId: 914 } })),
  )
  expect(usernamesOf(api)).toEqual(['owner', 'ada'])
})
