import { expect, test } from 'bun:test'
import { createTestApi } from '../testkit/api/test-api.ts'
import {
  anonymousAddresses,
  attempt,
  guessWrongCodes,
  HOME,
  validCode,
  wrongCode,
} from '../testkit/auth/login-attempts.ts'

const SECOND = 1_000
const MINUTE = 60_000
const DAY = 86_400_000

test('five wrong codes lock the login, even for a valid code', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  expect(await guessWrongCodes(api, ada, 5)).toEqual([902, 902, 902, 902, 902])
  expect(await attempt(api, ada, HOME, validCode(api, ada))).toEqual({ id: 915, retryAfterSeconds: 60 })
  api.clock.advance(MINUTE - 1)
  expect(await attempt(api, ada, HOME, validCode(api, ada))).toEqual({ id: 915, retryAfterSeconds: 1 })
  api.clock.advance(1)
  expect(await attempt(api, ada, HOME, validCode(api, ada))).toEqual({ id: 200 })
})

test('each further failure doubles the lock, up to an hour', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  await guessWrongCodes(api, ada, 5)
  const locks: number[] = []
  for (const address of anonymousAddresses.slice(5, 14)) {
    const { retryAfterSeconds = 0 } = await attempt(api, ada, address, validCode(api, ada))
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
    expect(await attempt(api, ada, HOME, validCode(api, ada))).toEqual({ id: 200 })
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
  const buckets = api.context.db.sql.query<{ bucket: string }, []>('SELECT bucket FROM throttle_buckets').all()
  expect(buckets.map(({ bucket }) => bucket.length).filter(length => length > 40)).toEqual([])
})

test('a lock on one user does not affect another', async () => {
  await using api = await createTestApi()
  const [ada, bob] = [await api.createUser('ada', 'viewer'), await api.createUser('bob', 'viewer')]
  await guessWrongCodes(api, ada, 6)
  expect(await attempt(api, bob, HOME, validCode(api, bob))).toEqual({ id: 200 })
})

test('a lock survives a restart', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  await guessWrongCodes(api, ada, 5)
  await api.restart()
  expect(await attempt(api, ada, HOME, validCode(api, ada))).toMatchObject({ id: 915 })
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
    const [row] = api.context.db.sql
      .query("SELECT bucket FROM throttle_buckets WHERE bucket LIKE 'anonymous:%'")
      .values()
    buckets.add(String(row?.[0]))
  }
  expect(buckets.size).toBe(3)
})
