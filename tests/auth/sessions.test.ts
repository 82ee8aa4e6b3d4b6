import { expect, test } from 'bun:test'
import { createTestApi, type TestApi } from '../testkit/api/test-api.ts'
import { codeAt } from '../testkit/auth/totp.ts'

const MINUTE = 60_000

interface SessionBody {
  id: string
  created: string
  last_used: string
  address: string
  agent: string
}

async function sessionsOf(api: TestApi, username: string, token: string): Promise<SessionBody[]> {
  const { status, body } = await api.call('GET', `/user/sessions/${username}`, { token })
  expect(status).toBe(200)
  return body as SessionBody[]
}

async function logInWith(api: TestApi, user: { username: string; secret: string }, agent: string): Promise<string> {
  const json = { username: user.username, code: codeAt(user.secret, api.clock.now()) }
  const { body } = await api.call('POST', '/user/auth', { json, headers: { 'user-agent': agent } })
  return (body as { access_token: string }).access_token
}

test('lists the sessions of a user without tokens, oldest first', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  const phone = await logInWith(api, ada, 'phone/1.0')
  api.clock.advance(MINUTE)
  await logInWith(api, ada, 'laptop/2.0')
  const sessions = await sessionsOf(api, 'ada', phone)
  expect(sessions.map(({ agent }) => agent)).toEqual(['phone/1.0', 'laptop/2.0'])
  expect(Object.keys(sessions[0] ?? {}).toSorted()).toEqual(['address', 'agent', 'created', 'id', 'last_used'])
  expect(sessions[1]?.created).toBe('2026-01-02T03:05:05.000Z')
  expect(JSON.stringify(sessions)).not.toContain(phone)
})

test('records the last use to the minute', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('viewer')
  const lastUse = async () => (await sessionsOf(api, 'viewer', token))[0]?.last_used
  api.clock.advance(MINUTE - 1)
  expect(await lastUse()).toBe('2026-01-02T03:04:05.000Z')
  api.clock.advance(1)
  await lastUse()
  // The last use is written in the background; a later write waits for it.
  await api.context.db.write(() => {})
  expect(await lastUse()).toBe('2026-01-02T03:05:05.000Z')
})

test('the owner lists the sessions of every user, others only their own', async () => {
  await using api = await createTestApi()
  const owner = await api.logInAs('owner')
  const viewer = await api.logInAs('viewer')
  expect(await sessionsOf(api, 'viewer', owner.token)).toHaveLength(1)
  for (const username of ['owner', 'nobody']) {
    const rejected = await api.call('GET', `/user/sessions/${username}`, { token: viewer.token })
    expect(rejected).toMatchObject({ status: 403, body: { errorId: 912 } })
  }
  const unknown = await api.call('GET', '/user/sessions/nobody', { token: owner.token })
  expect(unknown).toMatchObject({ status: 400, body: { errorId: 903 } })
})

test('ends one session of a user, and the others continue', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  const phone = await logInWith(api, ada, 'phone')
  api.clock.advance(MINUTE)
  const laptop = await logInWith(api, ada, 'laptop')
  const [phoneSession] = await sessionsOf(api, 'ada', laptop)
  const ended = await api.call('DELETE', `/user/session/${phoneSession?.id}`, { token: laptop })
  expect(ended).toMatchObject({ status: 200, body: { status: 'ok' } })
  expect((await api.call('GET', '/droplet/list', { token: phone })).body).toMatchObject({ errorId: 908 })
  expect(await sessionsOf(api, 'ada', laptop)).toHaveLength(1)
})

test('only the owner can end a session of another user; others get the response for an unknown session', async () => {
  await using api = await createTestApi()
  const owner = await api.logInAs('owner')
  const manager = await api.logInAs('manager')
  const [ownerSession] = await sessionsOf(api, 'owner', owner.token)
  const endSession = (id: string | undefined, token: string) => api.call('DELETE', `/user/session/${id}`, { token })
  const notFound = { status: 404, body: { error: 'Session not found', errorId: 925 } }
  expect(await endSession(ownerSession?.id, manager.token)).toMatchObject(notFound)
  expect(await endSession(crypto.randomUUID(), manager.token)).toMatchObject(notFound)
  expect((await api.call('GET', '/droplet/list', { token: owner.token })).status).toBe(200)
  const [managerSession] = await sessionsOf(api, 'manager', owner.token)
  expect((await endSession(managerSession?.id, owner.token)).status).toBe(200)
  expect((await api.call('GET', '/droplet/list', { token: manager.token })).body).toMatchObject({ errorId: 908 })
})

test('truncates a long user agent', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  const token = await logInWith(api, ada, 'x '.repeat(5_000))
  expect((await sessionsOf(api, 'ada', token))[0]?.agent).toBe('x '.repeat(100))
})

test('`current` ends the session of the token', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  const { access_token: first } = await api.logIn(ada)
  api.clock.advance(60_000)
  const { access_token: second } = await api.logIn(ada)
  expect((await api.call('DELETE', '/user/session/current', { token: first })).status).toBe(200)
  expect((await api.call('GET', '/droplet/list', { token: first })).status).toBe(401)
  expect((await api.call('GET', '/droplet/list', { token: second })).status).toBe(200)
})

test('redacts a token in the user agent', async () => {
  await using api = await createTestApi()
  const owner = await api.logInAs('owner')
  const ada = await api.createUser('ada', 'viewer')
  const token = await logInWith(api, ada, `phone/1.0 ${owner.token}`)
  expect((await sessionsOf(api, 'ada', token))[0]?.agent).toBe('phone/1.0 [token]')
})
