import { describe, expect, test } from 'bun:test'
import type { ApiError } from '../../src/core/errors.ts'
import { TEST_ACTOR } from '../testkit/actor.ts'
import { createTestApi, type TestApi } from '../testkit/api/test-api.ts'
import { codeAt } from '../testkit/auth/totp.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

const HOME = '192.0.2.1'
const FROM_HOME = { ...TEST_ACTOR, address: HOME }
const anonymousAddresses = Array.from({ length: 250 }, (_, number) => `198.51.100.${number}`)

type User = { username: string; secret: string }

/** @returns the error id of an attempt (200 for success), with the seconds to wait if it was locked */
async function attempt(api: TestApi, user: User, address: string, code: string, token?: string) {
  try {
    await api.context.auth.login({ ...TEST_ACTOR, address }, user.username, code, { agent: 'test', token })
    return { id: 200 }
  } catch (error) {
    const { errorId: id, retryAfterSeconds } = error as ApiError
    return retryAfterSeconds === undefined ? { id } : { id, retryAfterSeconds }
  }
}

const rightCode = (api: TestApi, user: User) => codeAt(user.secret, api.clock.now())
const wrongCode = (api: TestApi, user: User) =>
  String((Number(rightCode(api, user)) + 500_000) % 1_000_000).padStart(6, '0')

/** Tries wrong codes, each from a different address. */
async function guessWrongCodes(api: TestApi, user: User, count: number) {
  const ids: number[] = []
  for (const address of anonymousAddresses.slice(0, count))
    ids.push((await attempt(api, user, address, wrongCode(api, user))).id)
  return ids
}

test('five wrong codes lock the login, even for a valid code', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  expect(await guessWrongCodes(api, ada, 5)).toEqual([902, 902, 902, 902, 902])
  expect(await attempt(api, ada, HOME, rightCode(api, ada))).toEqual({ id: 915, retryAfterSeconds: 60 })
  api.clock.advance(MINUTE - 1)
  expect(await attempt(api, ada, HOME, rightCode(api, ada))).toEqual({ id: 915, retryAfterSeconds: 1 })
  api.clock.advance(1)
  expect(await attempt(api, ada, HOME, rightCode(api, ada))).toEqual({ id: 200 })
})

test('each further failure doubles the lock, up to an hour', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  await guessWrongCodes(api, ada, 5)
  const locks: number[] = []
  for (const address of anonymousAddresses.slice(5, 14)) {
    const { retryAfterSeconds = 0 } = await attempt(api, ada, address, rightCode(api, ada))
    locks.push(retryAfterSeconds / 60)
    api.clock.advance(retryAfterSeconds * SECOND)
    expect((await attempt(api, ada, address, wrongCode(api, ada))).id).toBe(902)
  }
  expect(locks).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60])
})

test('a valid code resets the consecutive failures', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  for (let round = 0; round < 3; round++) {
    for (let count = 0; count < 4; count++) await attempt(api, ada, HOME, wrongCode(api, ada))
    expect(await attempt(api, ada, HOME, rightCode(api, ada))).toEqual({ id: 200 })
    api.clock.advance(MINUTE)
  }
})

test('a locked login is a 429 with Retry-After over HTTP', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  const json = { username: 'ada', code: wrongCode(api, ada) }
  for (let count = 0; count < 5; count++) await api.call('POST', '/user/auth', { json })
  const { status, headers, body } = await api.call('POST', '/user/auth', { json })
  expect({ status, body }).toEqual({ status: 429, body: { error: 'Too many attempts: try again later', errorId: 915 } })
  expect(headers.get('retry-after')).toBe('60')
})

test('checks no more of 100 concurrent guesses than of 100 consecutive ones', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  const code = wrongCode(api, ada)
  const ids = await Promise.all(anonymousAddresses.slice(0, 100).map(address => attempt(api, ada, address, code)))
  expect(ids.filter(({ id }) => id === 902)).toHaveLength(5)
  expect(ids.filter(({ id }) => id === 915)).toHaveLength(95)
})

test('locks an unknown user in the same way', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  const unknown = { ...ada, username: 'nobody' }
  expect(await guessWrongCodes(api, unknown, 7)).toEqual(await guessWrongCodes(api, ada, 7))
})

test('attempts on many other usernames do not reveal whether a username exists', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  const unknown = { ...ada, username: 'nobody' }
  for (const user of [ada, unknown]) await guessWrongCodes(api, user, 5)
  for (let number = 0; number < 2_500; number++) {
    const user = { ...ada, username: `other-${number}` }
    await attempt(api, user, `10.0.${number >> 8}.${number & 255}`, wrongCode(api, user))
  }
  const ids = [ada, unknown].map(user => attempt(api, user, HOME, wrongCode(api, user)))
  expect(await Promise.all(ids)).toEqual(Array(2).fill({ id: 915, retryAfterSeconds: 60 }))
})

test('a long username takes no more space in the table', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  await attempt(api, { ...ada, username: 'x'.repeat(10_000) }, HOME, '000000')
  const buckets = api.context.db.sql.query<{ lane: string }, []>('SELECT lane FROM lanes').all()
  expect(buckets.map(({ lane }) => lane.length).filter(length => length > 40)).toEqual([])
})

test('a lock on one user does not affect another', async () => {
  await using api = await createTestApi()
  const [ada, bob] = [await api.createUser('ada', 'viewer'), await api.createUser('bob', 'viewer')]
  await guessWrongCodes(api, ada, 6)
  expect(await attempt(api, bob, HOME, rightCode(api, bob))).toEqual({ id: 200 })
})

test('a lock survives a restart', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  await guessWrongCodes(api, ada, 5)
  await api.restart()
  expect(await attempt(api, ada, HOME, rightCode(api, ada))).toMatchObject({ id: 915 })
})

describe('a verified client has its own bucket', () => {
  test('anonymous failures do not lock an address from which the user logged in', async () => {
    await using api = await createTestApi()
    const ada = await api.createUser('ada', 'viewer')
    expect(await attempt(api, ada, HOME, rightCode(api, ada))).toEqual({ id: 200 })
    api.clock.advance(MINUTE)
    await guessWrongCodes(api, ada, 6)
    expect(await attempt(api, ada, '203.0.113.1', rightCode(api, ada))).toMatchObject({ id: 915 })
    expect(await attempt(api, ada, HOME, rightCode(api, ada))).toEqual({ id: 200 })
  })

  test('a token of the user bypasses an anonymous lock from any address, a token of another user does not', async () => {
    await using api = await createTestApi()
    const [ada, bob] = [await api.createUser('ada', 'viewer'), await api.createUser('bob', 'viewer')]
    const { access } = await api.context.auth.login(FROM_HOME, 'ada', rightCode(api, ada), { agent: 'test' })
    const otherSession = await api.context.auth.login(FROM_HOME, 'bob', rightCode(api, bob), { agent: 'test' })
    api.clock.advance(MINUTE)
    await guessWrongCodes(api, ada, 6)
    const newAddress = '203.0.113.1'
    expect(await attempt(api, ada, newAddress, rightCode(api, ada), otherSession.access.reveal())).toMatchObject({
      id: 915,
    })
    expect(await attempt(api, ada, newAddress, rightCode(api, ada), access.reveal())).toEqual({ id: 200 })
  })

  test('is locked by its own failures, and its success does not reset anonymous failures', async () => {
    await using api = await createTestApi()
    const ada = await api.createUser('ada', 'viewer')
    await attempt(api, ada, HOME, rightCode(api, ada))
    api.clock.advance(MINUTE)
    await guessWrongCodes(api, ada, 4)
    for (let count = 0; count < 4; count++) await attempt(api, ada, HOME, wrongCode(api, ada))
    expect(await attempt(api, ada, HOME, rightCode(api, ada))).toEqual({ id: 200 })
    expect((await attempt(api, ada, anonymousAddresses[9] ?? '', wrongCode(api, ada))).id).toBe(902)
    expect((await attempt(api, ada, anonymousAddresses[10] ?? '', wrongCode(api, ada))).id).toBe(915)
    for (let count = 0; count < 5; count++) await attempt(api, ada, HOME, wrongCode(api, ada))
    expect((await attempt(api, ada, HOME, wrongCode(api, ada))).id).toBe(915)
  })
})

test('remembers the last ten verified addresses of a user', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  const verifiedAddresses = Array.from({ length: 11 }, (_, number) => `192.0.2.${number}`)
  for (const address of verifiedAddresses) {
    expect(await attempt(api, ada, address, rightCode(api, ada))).toEqual({ id: 200 })
    api.clock.advance(MINUTE)
  }
  await guessWrongCodes(api, ada, 5)
  const [oldest = '', second = ''] = verifiedAddresses
  expect(await attempt(api, ada, oldest, rightCode(api, ada))).toMatchObject({ id: 915 })
  expect(await attempt(api, ada, second, rightCode(api, ada))).toEqual({ id: 200 })
})

describe('an address', () => {
  test('with 20 failures within 10 minutes is locked for every user until they are over', async () => {
    await using api = await createTestApi()
    const users = await Promise.all(Array.from({ length: 7 }, (_, number) => api.createUser(`user${number}`, 'viewer')))
    const [first, ...others] = users
    if (!first) throw new Error('no user')
    api.clock.advance(MINUTE)
    for (const user of others.slice(0, 5)) {
      for (let count = 0; count < 4; count++) await attempt(api, user, HOME, wrongCode(api, user))
    }
    expect(await attempt(api, first, HOME, rightCode(api, first))).toEqual({ id: 915, retryAfterSeconds: 600 })
    expect(await attempt(api, first, '192.0.2.2', rightCode(api, first))).toEqual({ id: 200 })
    api.clock.advance(10 * MINUTE)
    expect(await attempt(api, first, HOME, rightCode(api, first))).toEqual({ id: 200 })
  })

  test('that is locked cannot guess refresh tokens, but a valid one still works', async () => {
    await using api = await createTestApi()
    const ada = await api.createUser('ada', 'viewer')
    const { refresh } = await api.context.auth.login(FROM_HOME, 'ada', rightCode(api, ada), { agent: 'test' })
    const errorIds: number[] = []
    for (let count = 0; count < 22; count++) {
      const token = String(count).padStart(64, '0')
      errorIds.push(await api.context.auth.refresh(FROM_HOME, token).catch(error => error.errorId))
    }
    expect(errorIds).toEqual([...Array(20).fill(910), 915, 915])
    await api.context.auth.refresh(FROM_HOME, refresh.reveal())
  })
})

describe('a lock is removed', () => {
  test('by the owner, over the API', async () => {
    await using api = await createTestApi()
    const owner = await api.logInAs('owner')
    const ada = await api.createUser('ada', 'viewer')
    await guessWrongCodes(api, ada, 6)
    const unlocked = await api.call('PATCH', '/user/unlock/ada', { token: owner.token })
    expect(unlocked).toMatchObject({ status: 200, body: { status: 'ok' } })
    expect(await attempt(api, ada, HOME, rightCode(api, ada))).toEqual({ id: 200 })
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
    expect(await attempt(api, ada, HOME, rightCode(api, ada))).toEqual({ id: 200 })
  })
})

test('unlocking a user on the host also unlocks addresses', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  for (let count = 0; count < 20; count++) {
    await attempt(api, { ...ada, username: `nobody-${count}` }, HOME, '000000')
  }
  expect(await attempt(api, ada, HOME, rightCode(api, ada))).toMatchObject({ id: 915 })
  await api.context.users.unlockOnHost(TEST_ACTOR, 'ada')
  expect(await attempt(api, ada, HOME, rightCode(api, ada))).toEqual({ id: 200 })
})

test('guessing for a year from new addresses succeeds with a chance below 1 in 1,000', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  let checkedCodes = 0
  let firstDay = 0
  const end = api.clock.now() + 365 * DAY
  for (let number = 0; api.clock.now() < end; number++) {
    const address = `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`
    const { id, retryAfterSeconds = 0 } = await attempt(api, ada, address, wrongCode(api, ada))
    if (id === 902) checkedCodes += 1
    else api.clock.advance(retryAfterSeconds * SECOND)
    if (api.clock.now() <= end - 364 * DAY) firstDay = checkedCodes
  }
  // Five at once, six while the lock doubles from one minute on, then one per hour.
  expect(firstDay).toBe(5 + 6 + 22)
  expect(checkedCodes).toBe(100)
  // Two of a million codes are valid at a time.
  expect(1 - (1 - 2e-6) ** checkedCodes).toBeLessThan(1 / 1_000)
})

test('each system assigns usernames to anonymous buckets differently', async () => {
  const buckets = new Set<string>()
  for (let count = 0; count < 3; count++) {
    await using api = await createTestApi()
    await attempt(api, { username: 'owner', secret: '' }, HOME, '000000')
    const [row] = api.context.db.sql.query("SELECT lane FROM lanes WHERE lane LIKE 'strangers:%'").values()
    buckets.add(String(row?.[0]))
  }
  expect(buckets.size).toBe(3)
})

test('records the last use of a verified address to the hour', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  const readTimes = () => api.context.db.sql.query('SELECT last_used_at FROM proven_addresses').values().flat()
  const times: unknown[] = []
  for (const elapsed of [0, HOUR - MINUTE, MINUTE]) {
    api.clock.advance(elapsed)
    await attempt(api, ada, HOME, rightCode(api, ada))
    times.push(...readTimes())
  }
  const first = api.clock.now() - HOUR
  expect(times).toEqual([first, first, first + HOUR])
})
