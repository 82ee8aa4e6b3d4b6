import { expect, test } from 'bun:test'
import type { TokenHolder } from '../../src/store/sessions.ts'
import { createAccount, createTestStore, createTokenPair } from '../testkit/store/test-store.ts'

const clientFields = { lastUsedAt: 1_000, address: '192.0.2.1', agent: 'test' }
const hash = (text: string) => Buffer.from(text)

async function createSessions(store: ReturnType<typeof createTestStore>, username: string, ...names: string[]) {
  await store.db.write(() => {
    store.users.insert(createAccount(username))
    for (const id of names) {
      const session = { id, userId: `id-of-${username}`, createdAt: 1_000, ...clientFields }
      store.sessions.insert(session, createTokenPair(id, { access: 2_000, refresh: 3_000 }))
    }
  })
}

test('finds a session by each token, but not by a token of the other kind', async () => {
  using store = createTestStore()
  await createSessions(store, 'ada', 'one')
  const holder: TokenHolder = {
    session: { id: 'one', userId: 'id-of-ada', createdAt: 1_000, ...clientFields },
    user: { id: 'id-of-ada', username: 'ada', group: 'viewer', createdAt: 1_000 },
    accessExpiresAt: 2_000,
    refreshExpiresAt: 3_000,
  }
  expect(store.sessions.findByAccess(hash('access one'))).toEqual(holder)
  expect(store.sessions.findByRefresh(hash('refresh one'))).toEqual(holder)
  expect(store.sessions.findByAccess(hash('refresh one'))).toBeUndefined()
  expect(store.sessions.findByRefresh(hash('access one'))).toBeUndefined()
})

test('the user of a session is current', async () => {
  using store = createTestStore()
  await createSessions(store, 'ada', 'one')
  await store.db.write(() => store.users.updateGroupAndSecret('id-of-ada', 'manager', hash('new')))
  expect(store.sessions.findByAccess(hash('access one'))?.user.group).toBe('manager')
})

test('a rotation replaces both tokens and remembers the used refresh token', async () => {
  using store = createTestStore()
  await createSessions(store, 'ada', 'one')
  const next = createTokenPair('two', { access: 4_000, refresh: 5_000 })
  await store.db.write(() => store.sessions.rotate('one', hash('refresh one'), next, 1_500))
  expect(store.sessions.findByAccess(hash('access one'))).toBeUndefined()
  expect(store.sessions.findByRefresh(hash('refresh one'))).toBeUndefined()
  expect(store.sessions.findRotated(hash('refresh one'))).toBe('one')
  expect(store.sessions.findRotated(hash('refresh two'))).toBeUndefined()
  expect(store.sessions.findByAccess(hash('access two'))).toMatchObject({
    session: { id: 'one', createdAt: 1_000, lastUsedAt: 1_500 },
    accessExpiresAt: 4_000,
    refreshExpiresAt: 5_000,
  })
})

test('removing a session removes its tokens and used refresh tokens', async () => {
  using store = createTestStore()
  await createSessions(store, 'ada', 'one', 'other')
  const next = createTokenPair('two', { access: 4_000, refresh: 5_000 })
  await store.db.write(() => store.sessions.rotate('one', hash('refresh one'), next, 1_500))
  await store.db.write(() => store.sessions.remove('one'))
  expect(store.sessions.findByAccess(hash('access two'))).toBeUndefined()
  expect(store.sessions.findRotated(hash('refresh one'))).toBeUndefined()
  expect(store.sessions.findByAccess(hash('access other'))).toBeDefined()
})

test('removing the sessions of a user keeps those of others', async () => {
  using store = createTestStore()
  await createSessions(store, 'ada', 'one', 'two')
  await createSessions(store, 'bob', 'three')
  await store.db.write(() => store.sessions.removeAllOfUser('id-of-ada'))
  expect(store.sessions.findByAccess(hash('access one'))).toBeUndefined()
  expect(store.sessions.findByAccess(hash('access two'))).toBeUndefined()
  expect(store.sessions.findByAccess(hash('access three'))).toBeDefined()
})

test('removing a user removes its sessions', async () => {
  using store = createTestStore()
  await createSessions(store, 'ada', 'one')
  await store.db.write(() => store.users.remove('id-of-ada'))
  expect(store.db.sql.query('SELECT count(*) AS count FROM sessions').get()).toEqual({ count: 0 })
})

test('retains only the newest sessions of a user', async () => {
  using store = createTestStore()
  await createSessions(store, 'ada', 'one', 'two', 'three')
  await createSessions(store, 'bob', 'four')
  await store.db.write(() => store.sessions.retainNewest('id-of-ada', 2))
  const remaining = ['one', 'two', 'three', 'four'].filter(id => store.sessions.findByAccess(hash(`access ${id}`)))
  expect(remaining).toEqual(['two', 'three', 'four'])
})

test('removes a session when both tokens have expired', async () => {
  using store = createTestStore()
  await createSessions(store, 'ada', 'one')
  await store.db.write(() => store.sessions.removeExpiredBefore(3_000))
  expect(store.sessions.findByAccess(hash('access one'))).toBeDefined()
  await store.db.write(() => store.sessions.removeExpiredBefore(3_001))
  expect(store.sessions.findByAccess(hash('access one'))).toBeUndefined()
})

test('rejects a session without a user', async () => {
  using store = createTestStore()
  const session = { id: 'one', userId: 'nobody', createdAt: 0, ...clientFields }
  const inserted = store.db.write(() =>
    store.sessions.insert(session, createTokenPair('one', { access: 1, refresh: 1 })),
  )
  await expect(inserted).rejects.toThrow(/FOREIGN KEY/)
})

test('remembers the last thousand used refresh tokens of a session', async () => {
  using store = createTestStore()
  await createSessions(store, 'ada', 'one', 'two')
  await store.db.write(() => {
    for (let number = 0; number <= 1_000; number++) {
      for (const id of ['one', 'two']) {
        const pair = createTokenPair(`${id} ${number + 1}`, { access: 2_000, refresh: 3_000 })
        if (id === 'one' || number < 5) store.sessions.rotate(id, hash(`used ${id} ${number}`), pair, 1_500)
      }
    }
  })
  const sessionThatUsed = (id: string, number: number) => store.sessions.findRotated(hash(`used ${id} ${number}`))
  expect([
    sessionThatUsed('one', 0),
    sessionThatUsed('one', 1),
    sessionThatUsed('one', 1_000),
    sessionThatUsed('two', 0),
  ]).toEqual([undefined, 'one', 'one', 'two'])
})

test('finds a session by id with its current user until it ends', async () => {
  using store = createTestStore()
  await createSessions(store, 'ada', 'one', 'two')
  expect(store.sessions.findTokenHolder('one')).toEqual(store.sessions.findByAccess(hash('access one')))
  await store.db.write(() => store.users.setGroup('id-of-ada', 'manager'))
  expect(store.sessions.findTokenHolder('one')?.user.group).toBe('manager')
  await store.db.write(() => store.sessions.remove('one'))
  expect(store.sessions.findTokenHolder('one')).toBeUndefined()
  await store.db.write(() => void store.users.remove('id-of-ada'))
  expect(store.sessions.findTokenHolder('two')).toBeUndefined()
})
