import { expect, test } from 'bun:test'
import { createTestApi, type TestApi } from '../testkit/api/test-api.ts'
import { formatRecord, readAudit } from '../testkit/audit/audit.ts'

const groupsOf = (api: TestApi) => Object.fromEntries(api.context.users.list().map(user => [user.username, user.group]))

test('changes the group from the next request on, and the session continues', async () => {
  await using api = await createTestApi()
  const owner = await api.logInAs('owner')
  const ada = await api.logInAs('viewer', 'ada')
  const { status, body } = await api.call('PATCH', '/user/group/ada', {
    token: owner.token,
    json: { group: 'manager' },
  })
  expect(status).toBe(200)
  expect(body).toMatchObject([{ username: 'owner' }, { username: 'ada', group: 'manager' }])
  expect((await api.call('GET', '/operation/list', { token: ada.token })).status).toBe(200)
  await api.call('PATCH', '/user/group/ada', { token: owner.token, json: { group: 'viewer' } })
  expect((await api.call('GET', '/operation/list', { token: ada.token })).body).toMatchObject({ errorId: 912 })
  const recorded = (await readAudit(api, owner.token)).map(formatRecord).filter(record => record.includes('user.group'))
  expect(recorded).toEqual(['owner user.group ada ok', 'owner user.group ada ok'])
})

test('notifies the event stream of the user', async () => {
  await using api = await createTestApi()
  const owner = await api.logInAs('owner')
  const ada = await api.logInAs('viewer', 'ada')
  await using stream = await api.openEventStream(ada.token)
  await api.call('PATCH', '/user/group/ada', { token: owner.token, json: { group: 'manager' } })
  await stream.waitUntil(events => events.some(({ event }) => event === 'me'))
  expect(stream.events.find(({ event }) => event === 'me')?.data).toEqual({ username: 'ada', group: 'manager' })
})

test.each([
  ['another group for the owner', 'owner', { group: 'viewer' }, 906],
  ['the same group for the owner', 'owner', { group: 'owner' }, 906],
  ['a second owner', 'ada', { group: 'owner' }, 906],
  ['an unknown user', 'nobody', { group: 'viewer' }, 903],
  ['a username in upper case', 'ADA', { group: 'manager' }, 903],
  ['an unknown group', 'ada', { group: 'king' }, 905],
  ['no group', 'ada', {}, 913],
])('rejects %s and changes nothing', async (_, username, json, errorId) => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  await api.createUser('ada', 'viewer')
  expect((await api.call('PATCH', `/user/group/${username}`, { token, json })).body).toMatchObject({ errorId })
  expect(groupsOf(api)).toEqual({ owner: 'owner', ada: 'viewer' })
})
