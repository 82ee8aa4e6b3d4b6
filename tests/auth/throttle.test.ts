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

/** The error id of an attempt (200 for none), with the seconds to wait where there are some. */
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

/** So many wrong codes, each from an address of its own. */
async function guessWrongCodes(api: TestApi, user: User, count: number) {
  const ids: number[] = []
  for (const address of anonymousAddresses.slice(0, count))
    ids.push((await attempt(api, user, address, wrongCode(api, user))).id)
  return ids
}

test('five wrong codes lock the login, and then a right one is refused too', async () => {
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

test('a right code ends the row of wrong ones', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  for (let round = 0; round < 3; round++) {
    for (let count = 0; count < 4; count++) await attempt(api, ada, HOME, wrongCode(api, ada))
    expect(await attempt(api, ada, HOME, rightCode(api, ada))).toEqual({ id: 200 })
    api.clock.advance(MINUTE)
  }
})

test('over HTTP a lock is a 429 with Retry-After', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  const json = { username: 'ada', code: wrongCode(api, ada) }
  for (let count = 0; count < 5; count++) await api.call('POST', '/user/auth', { json })
  const { status, headers, body } = await api.call('POST', '/user/auth', { json })
  expect({ status, body }).toEqual({ status: 429, body: { error: 'Too many attempts: try again later', errorId: 915 } })
  expect(headers.get('retry-after')).toBe('60')
})

test('of 100 guesses at once no more are weighed than of 100 in a row', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  const code = wrongCode(api, ada)
  const ids = await Promise.all(anonymousAddresses.slice(0, 100).map(address => attempt(api, ada, address, code)))
  expect(ids.filter(({ id }) => id === 902)).toHaveLength(5)
  expect(ids.filter(({ id }) => id === 915)).toHaveLength(95)
})

test('a user that does not exist is locked in the same way', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  const nobody = { ...ada, username: 'nobody' }
  expect(await guessWrongCodes(api, nobody, 7)).toEqual(await guessWrongCodes(api, ada, 7))
})

test('a name that exists is not told from one that does not by trying many others in between', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  const nobody = { ...ada, username: 'nobody' }
  for (const user of [ada, nobody]) await guessWrongCodes(api, user, 5)
  for (let number = 0; number < 2_500; number++) {
    const user = { ...ada, username: `stranger-${number}` }
    await attempt(api, user, `10.0.${number >> 8}.${number & 255}`, wrongCode(api, user))
  }
  const ids = [ada, nobody].map(user => attempt(api, user, HOME, wrongCode(api, user)))
  expect(await Promise.all(ids)).toEqual(Array(2).fill({ id: 915, retryAfterSeconds: 60 }))
})

test('a name of any length costs no more room than another', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  await attempt(api, { ...ada, username: 'x'.repeat(10_000) }, HOME, '000000')
  const buckets = api.context.db.sql.query<{ lane: string }, []>('SELECT lane FROM lanes').all()
  expect(buckets.map(({ lane }) => lane.length).filter(length => length > 40)).toEqual([])
})

test('a lock on one user delays no other', async () => {
  await using api = await createTestApi()
  const [ada, bob] = [await api.createUser('ada', 'viewer'), await api.createUser('bob', 'viewer')]
  await guessWrongCodes(api, ada, 6)
  expect(await attempt(api, bob, HOME, rightCode(api, bob))).toEqual({ id: 200 })
})

test('a lock outlives a restart', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  await guessWrongCodes(api, ada, 5)
  await api.restart()
  expect(await attempt(api, ada, HOME, rightCode(api, ada))).toMatchObject({ id: 915 })
})

describe('whoever proved to be the user keeps a count of its own', () => {
  test('an address from which the user logged in is not locked by strangers', async () => {
    await using api = await createTestApi()
    const ada = await api.createUser('ada', 'viewer')
    expect(await attempt(api, ada, HOME, rightCode(api, ada))).toEqual({ id: 200 })
    api.clock.advance(MINUTE)
    await guessWrongCodes(api, ada, 6)
    expect(await attempt(api, ada, '203.0.113.1', rightCode(api, ada))).toMatchObject({ id: 915 })
    expect(await attempt(api, ada, HOME, rightCode(api, ada))).toEqual({ id: 200 })
  })

  test('a token of a session of that user lets it in from anywhere, a token of another user does not', async () => {
    await using api = await createTestApi()
    const [ada, bob] = [await api.createUser('ada', 'viewer'), await api.createUser('bob', 'viewer')]
    const { access } = await api.context.auth.login(FROM_HOME, 'ada', rightCode(api, ada), { agent: 'test' })
    const stranger = await api.context.auth.login(FROM_HOME, 'bob', rightCode(api, bob), { agent: 'test' })
    api.clock.advance(MINUTE)
    await guessWrongCodes(api, ada, 6)
    const newAddress = '203.0.113.1'
    expect(await attempt(api, ada, newAddress, rightCode(api, ada), stranger.access.reveal())).toMatchObject({
      id: 915,
    })
    expect(await attempt(api, ada, newAddress, rightCode(api, ada), access.reveal())).toEqual({ id: 200 })
  })

  test('its own failures lock it, and its success does not wash away what strangers did', async () => {
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

test('the ten addresses from which a user logged in last are known, older ones are strangers again', async () => {
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
  test('that failed 20 times within 10 minutes is locked for every user, until they are over', async () => {
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

  test('that is locked may not try refresh tokens, while the right one of a neighbour is let in', async () => {
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

describe('a lock is lifted', () => {
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

test('on the host, locked addresses are let in again, too', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  for (let count = 0; count < 20; count++) {
    await attempt(api, { ...ada, username: `nobody-${count}` }, HOME, '000000')
  }
  expect(await attempt(api, ada, HOME, rightCode(api, ada))).toMatchObject({ id: 915 })
  await api.context.users.unlockOnHost(TEST_ACTOR, 'ada')
  expect(await attempt(api, ada, HOME, rightCode(api, ada))).toEqual({ id: 200 })
})

test('a year of guessing from ever new addresses: fewer than 1 in 1,000 to be right once', async () => {
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
  // Five at once, six while the lock doubles from one minute on, and then one an hour.
  expect(firstDay).toBe(5 + 6 + 22)
  expect(checkedCodes).toBe(100)
  // Two codes of a million are right at a time.
  expect(1 - (1 - 2e-6) ** checkedCodes).toBeLessThan(1 / 1_000)
})

test('which names share a lock is another thing in every system', async () => {
  const buckets = new Set<string>()
  for (let count = 0; count < 3; count++) {
    await using api = await createTestApi()
    await attempt(api, { username: 'owner', secret: '' }, HOME, '000000')
    const [row] = api.context.db.sql.query("SELECT lane FROM lanes WHERE lane LIKE 'strangers:%'").values()
    buckets.add(String(row?.[0]))
  }
  expect(buckets.size).toBe(3)
})

test('from where a user logs in is noted to the hour', async () => {
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
