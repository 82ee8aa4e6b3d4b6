import { describe, expect, test } from 'bun:test'
import { TEST_ACTOR } from '../testkit/actor.ts'
import { createTestApi, type TestApi } from '../testkit/api/test-api.ts'
import { attempt, guessWrongCodes, HOME, validCode } from '../testkit/auth/login-attempts.ts'

describe('a lock is removed', () => {
  test('by the owner, over the API', async () => {
    await using api = await createTestApi()
    const owner = await api.logInAs('owner')
    const ada = await api.createUser('ada', 'viewer')
    await guessWrongCodes(api, ada, 6)
    const unlocked = await api.call('PATCH', '/user/unlock/ada', { token: owner.token })
    expect(unlocked).toMatchObject({ status: 200, body: { status: 'ok' } })
    expect(await attempt(api, ada, HOME, validCode(api, ada))).toEqual({ id: 200 })
    const unknown = await api.call('PATCH', '/user/unlock/nobody', { token: owner.token })
    expect(unknown).toMatchObject({ status: 400, body: { errorId: 903 } })
  })

  test.each([
    ['unlockOnHost', (api: TestApi) => api.context.users.unlockOnHost(TEST_ACTOR, 'ada')],
    ['provision', (api: TestApi) => api.context.users.provision(TEST_ACTOR, 'ada', 'viewer', false)],
  ])('on the host, by %s', async (_, unlock) => {
    await using api = await createTestApi()
    const ada = await api.createUser('ada', 'viewer')
    await guessWrongCodes(api, ada, 6)
    await unlock(api)
    expect(await attempt(api, ada, HOME, validCode(api, ada))).toEqual({ id: 200 })
  })
})

test('unlocking a user on the host also unlocks addresses', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  for (let count = 0; count < 20; count++) {
    await attempt(api, { ...ada, username: `nobody-${count}` }, HOME, '000000')
  }
  expect(await attempt(api, ada, HOME, validCode(api, ada))).toMatchObject({ id: 915 })
  await api.context.users.unlockOnHost(TEST_ACTOR, 'ada')
  expect(await attempt(api, ada, HOME, validCode(api, ada))).toEqual({ id: 200 })
})
