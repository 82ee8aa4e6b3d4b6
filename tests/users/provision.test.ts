import { expect, test } from 'bun:test'
import { ApiError, OperatorError } from '../../src/core/errors.ts'
import type { Group } from '../../src/core/groups.ts'
import { TEST_ACTOR } from '../testkit/actor.ts'
import { createTestApi, type TestApi } from '../testkit/api/test-api.ts'

async function groupAndSecretOf(api: TestApi, username: string) {
  const { group, secret } = await api.context.users.enrolmentOf(TEST_ACTOR, username)
  return { group, secret: secret.reveal() }
}

async function statusWith(api: TestApi, token: string): Promise<number> {
  return (await api.call('GET', '/droplet/list', { token })).status
}

test.each(['viewer', 'manager', 'owner'] as const)('creates a new %s and returns the secret', async group => {
  await using api = await createTestApi()
  const enrolment = await api.context.users.provision(TEST_ACTOR, 'ada', group, false)
  expect(enrolment).toMatchObject({ username: 'ada', group })
  const secret = enrolment.secret.reveal()
  expect(secret).toMatch(/^[A-Z2-7]{32}$/)
  expect(enrolment.otpauthUrl.reveal()).toContain(`secret=${secret}`)
  expect(enrolment.otpauthUrl.reveal()).toStartWith('otpauth://totp/')
  expect(JSON.stringify(enrolment)).not.toContain(secret)
  await api.logIn({ username: 'ada', secret })
})

test('creates a new user with regenerate', async () => {
  await using api = await createTestApi()
  const { secret } = await api.context.users.provision(TEST_ACTOR, 'ada', 'viewer', true)
  await api.logIn({ username: 'ada', secret: secret.reveal() })
})

test('users have different secrets', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  const bob = await api.createUser('bob', 'viewer')
  expect(ada.secret).not.toBe(bob.secret)
})

test('an existing user keeps the secret and loses all sessions', async () => {
  await using api = await createTestApi()
  const ada = await api.logInAs('viewer', 'ada')
  const bob = await api.logInAs('viewer', 'bob')
  const reprovisioned = await api.context.users.provision(TEST_ACTOR, 'ada', 'viewer', false)
  expect(reprovisioned.secret.reveal()).toBe(ada.secret)
  expect(await statusWith(api, ada.token)).toBe(401)
  expect(await statusWith(api, bob.token)).toBe(200)
  // The step that was used stays used.
  await expect(api.logIn(ada)).rejects.toThrow('902')
  api.clock.advance(30_000)
  await api.logIn(ada)
})

test('an existing user gets a new secret with regenerate, and loses all sessions', async () => {
  await using api = await createTestApi()
  const ada = await api.logInAs('viewer', 'ada')
  const reprovisioned = await api.context.users.provision(TEST_ACTOR, 'ada', 'viewer', true)
  const secret = reprovisioned.secret.reveal()
  expect(secret).not.toBe(ada.secret)
  expect(await statusWith(api, ada.token)).toBe(401)
  api.clock.advance(30_000)
  await expect(api.logIn(ada)).rejects.toThrow('902')
  await api.logIn({ username: 'ada', secret })
})

test('a new secret is valid at once, even if the current time step was used', async () => {
  await using api = await createTestApi()
  await api.logInAs('viewer', 'ada')
  const reprovisioned = await api.context.users.provision(TEST_ACTOR, 'ada', 'viewer', true)
  await api.logIn({ username: 'ada', secret: reprovisioned.secret.reveal() })
})

test('regenerate also changes the group and keeps the position in the list', async () => {
  await using api = await createTestApi()
  await api.createUser('ada', 'viewer')
  await api.createUser('bob', 'viewer')
  const [before] = api.context.users.list()
  await api.context.users.provision(TEST_ACTOR, 'ada', 'manager', true)
  expect(api.context.users.list()).toMatchObject([{ ...before, group: 'manager' }, { username: 'bob' }])
})

test.each<[Group, Group, boolean, RegExp]>([
  ['viewer', 'manager', false, /is in the group viewer: use -g viewer, or -r/],
  ['manager', 'viewer', false, /is in the group manager: use -g manager, or -r/],
  ['owner', 'viewer', false, /is in the group owner: use -g owner/],
  ['owner', 'viewer', true, /is the owner, and a system must always have one: use -g owner/],
])(
  'rejects a %s as %s (regenerate: %p) and changes nothing',
  async (currentGroup, requestedGroup, regenerate, text) => {
    await using api = await createTestApi()
    const ada = await api.logInAs(currentGroup, 'ada')
    const rejected = await api.context.users
      .provision(TEST_ACTOR, 'ada', requestedGroup, regenerate)
      .catch((error: unknown) => error)
    expect(rejected).toBeInstanceOf(OperatorError)
    expect(String(rejected)).toMatch(text)
    expect(await groupAndSecretOf(api, 'ada')).toEqual({ group: currentGroup, secret: ada.secret })
    expect(await statusWith(api, ada.token)).toBe(200)
  },
)

test.each([false, true])('rejects a second owner (regenerate: %p)', async regenerate => {
  await using api = await createTestApi()
  const owner = await api.logInAs('owner')
  const rejected = await api.context.users
    .provision(TEST_ACTOR, 'second', 'owner', regenerate)
    .catch((error: unknown) => error)
  expect(rejected).toBeInstanceOf(ApiError)
  expect(rejected).toMatchObject({ errorId: 906 })
  expect(api.context.users.list()).toMatchObject([{ username: 'owner' }])
  expect(await statusWith(api, owner.token)).toBe(200)
})

test('rejects making an existing user a second owner and changes nothing', async () => {
  await using api = await createTestApi()
  await api.createUser('owner', 'owner')
  const ada = await api.logInAs('viewer', 'ada')
  await expect(api.context.users.provision(TEST_ACTOR, 'ada', 'owner', true)).rejects.toMatchObject({ errorId: 906 })
  expect(await groupAndSecretOf(api, 'ada')).toEqual({ group: 'viewer', secret: ada.secret })
  expect(await statusWith(api, ada.token)).toBe(200)
})

test.each([false, true])('rejects a name that differs only in case (regenerate: %p)', async regenerate => {
  await using api = await createTestApi()
  const ada = await api.logInAs('viewer', 'Ada')
  const rejected = await api.context.users
    .provision(TEST_ACTOR, 'ada', 'viewer', regenerate)
    .catch((error: unknown) => error)
  expect(rejected).toBeInstanceOf(OperatorError)
  expect(String(rejected)).toContain('The user "Ada" already exists')
  expect(await groupAndSecretOf(api, 'Ada')).toEqual({ group: 'viewer', secret: ada.secret })
  expect(await statusWith(api, ada.token)).toBe(200)
})
