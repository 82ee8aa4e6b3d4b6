import { describe, expect, test } from 'bun:test'
import { createTestApi } from '../testkit/api/test-api.ts'
import {
  anonymousAddresses,
  attempt,
  FROM_HOME,
  guessWrongCodes,
  HOME,
  validCode,
  wrongCode,
} from '../testkit/auth/login-attempts.ts'

const MINUTE = 60_000
const HOUR = 3_600_000

describe('a verified client has its own bucket', () => {
  test('anonymous failures do not lock an address from which the user logged in', async () => {
    await using api = await createTestApi()
    const ada = await api.createUser('ada', 'viewer')
    expect(await attempt(api, ada, HOME, validCode(api, ada))).toEqual({ id: 200 })
    api.clock.advance(MINUTE)
    await guessWrongCodes(api, ada, 6)
    expect(await attempt(api, ada, '203.0.113.1', validCode(api, ada))).toMatchObject({ id: 915 })
    expect(await attempt(api, ada, HOME, validCode(api, ada))).toEqual({ id: 200 })
  })

  test('a token of the user bypasses an anonymous lock from any address, a token of another user does not', async () => {
    await using api = await createTestApi()
    const [ada, bob] = [await api.createUser('ada', 'viewer'), await api.createUser('bob', 'viewer')]
    const { access } = await api.context.auth.login(FROM_HOME, 'ada', validCode(api, ada), { agent: 'test' })
    const otherSession = await api.context.auth.login(FROM_HOME, 'bob', validCode(api, bob), { agent: 'test' })
    api.clock.advance(MINUTE)
    await guessWrongCodes(api, ada, 6)
    const newAddress = '203.0.113.1'
    expect(await attempt(api, ada, newAddress, validCode(api, ada), otherSession.access.reveal())).toMatchObject({
      id: 915,
    })
    expect(await attempt(api, ada, newAddress, validCode(api, ada), access.reveal())).toEqual({ id: 200 })
  })

  test('is locked by its own failures, and its success does not reset anonymous failures', async () => {
    await using api = await createTestApi()
    const ada = await api.createUser('ada', 'viewer')
    await attempt(api, ada, HOME, validCode(api, ada))
    api.clock.advance(MINUTE)
    await guessWrongCodes(api, ada, 4)
    for (let count = 0; count < 4; count++) await attempt(api, ada, HOME, wrongCode(api, ada))
    expect(await attempt(api, ada, HOME, validCode(api, ada))).toEqual({ id: 200 })
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
    expect(await attempt(api, ada, address, validCode(api, ada))).toEqual({ id: 200 })
    api.clock.advance(MINUTE)
  }
  await guessWrongCodes(api, ada, 5)
  const [oldest = '', second = ''] = verifiedAddresses
  expect(await attempt(api, ada, oldest, validCode(api, ada))).toMatchObject({ id: 915 })
  expect(await attempt(api, ada, second, validCode(api, ada))).toEqual({ id: 200 })
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
    expect(await attempt(api, first, HOME, validCode(api, first))).toEqual({ id: 915, retryAfterSeconds: 600 })
    expect(await attempt(api, first, '192.0.2.2', validCode(api, first))).toEqual({ id: 200 })
    api.clock.advance(10 * MINUTE)
    expect(await attempt(api, first, HOME, validCode(api, first))).toEqual({ id: 200 })
  })

  test('that is locked cannot guess refresh tokens, but a valid one still works', async () => {
    await using api = await createTestApi()
    const ada = await api.createUser('ada', 'viewer')
    const { refresh } = await api.context.auth.login(FROM_HOME, 'ada', validCode(api, ada), { agent: 'test' })
    const errorIds: number[] = []
    for (let count = 0; count < 22; count++) {
      const token = String(count).padStart(64, '0')
      errorIds.push(await api.context.auth.refresh(FROM_HOME, token).catch(error => error.errorId))
    }
    expect(errorIds).toEqual([...Array(20).fill(910), 915, 915])
    await api.context.auth.refresh(FROM_HOME, refresh.reveal())
  })
})

test('records the last use of a verified address to the hour', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  const readTimes = () => api.context.db.sql.query('SELECT last_used_at FROM known_addresses').values().flat()
  const times: unknown[] = []
  for (const elapsed of [0, HOUR - MINUTE, MINUTE]) {
    api.clock.advance(elapsed)
    await attempt(api, ada, HOME, validCode(api, ada))
    times.push(...readTimes())
  }
  const first = api.clock.now() - HOUR
  expect(times).toEqual([first, first, first + HOUR])
})
