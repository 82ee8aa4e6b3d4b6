import { expect, test } from 'bun:test'
import { TEST_ACTOR } from '../testkit/actor.ts'
import { createTestApi, type TestApi } from '../testkit/api/test-api.ts'

const groupsOf = (api: TestApi) => Object.fromEntries(api.context.users.list().map(user => [user.username, user.group]))

test('makes the user the owner and the previous owner a manager from the next request on', async () => {
  await using api = await createTestApi()
  const owner = await api.logInAs('owner')
  const ada = await api.logInAs('viewer', 'ada')
  await api.context.users.handOver(TEST_ACTOR, 'ada')
  expect(groupsOf(api)).toEqual({ owner: 'manager', ada: 'owner' })
  expect((await api.call('GET', '/user/list', { token: ada.token })).status).toBe(200)
  expect((await api.call('GET', '/user/list', { token: owner.token })).body).toMatchObject({ errorId: 912 })
})

test('handing over to the owner changes nothing', async () => {
  await using api = await createTestApi()
  await api.createUser('owner', 'owner')
  await api.context.users.handOver(TEST_ACTOR, 'owner')
  expect(groupsOf(api)).toEqual({ owner: 'owner' })
})

test('handing over to an unknown user changes nothing', async () => {
  await using api = await createTestApi()
  await api.createUser('owner', 'owner')
  await expect(api.context.users.handOver(TEST_ACTOR, 'nobody')).rejects.toMatchObject({ errorId: 903 })
  expect(groupsOf(api)).toEqual({ owner: 'owner' })
})
