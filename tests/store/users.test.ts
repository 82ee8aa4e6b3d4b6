import { expect, test } from 'bun:test'
import { createAccount, createTestStore } from '../testkit/store/test-store.ts'

test('lists users in order of creation, without secrets', async () => {
  using store = createTestStore()
  await store.db.write(() => {
    store.users.insert({ ...createAccount('zoe'), createdAt: 2_000 })
    store.users.insert({ ...createAccount('adam', 'manager'), createdAt: 1_000 })
  })
  expect(store.users.list()).toEqual([
    { id: 'id-of-zoe', username: 'zoe', group: 'viewer', createdAt: 2_000 },
    { id: 'id-of-adam', username: 'adam', group: 'manager', createdAt: 1_000 },
  ])
})

test('usernames are unique ignoring case', async () => {
  using store = createTestStore()
  await store.db.write(() => store.users.insert(createAccount('Ada')))
  const again = store.db.write(() => store.users.insert(createAccount('aDA')))
  await expect(again).rejects.toMatchObject({ errorId: 914, status: 400 })
  expect(store.users.list()).toMatchObject([{ username: 'Ada' }])
})

test('finds a user ignoring case', async () => {
  using store = createTestStore()
  const ada = createAccount('Ada')
  await store.db.write(() => store.users.insert(ada))
  expect(store.users.find('ADA')).toEqual({ ...ada, encryptedSecret: new Uint8Array(ada.encryptedSecret) })
  expect(store.users.find('Ad')).toBeUndefined()
  expect(store.users.find('%')).toBeUndefined()
})

test('rejects a second owner', async () => {
  using store = createTestStore()
  await store.db.write(() => store.users.insert(createAccount('first', 'owner')))
  await store.db.write(() => store.users.insert(createAccount('second')))
  const inserted = store.db.write(() => store.users.insert(createAccount('third', 'owner')))
  await expect(inserted).rejects.toMatchObject({ errorId: 906, status: 403 })
  const changed = store.db.write(() => store.users.updateGroupAndSecret('id-of-second', 'owner', Buffer.from('new')))
  await expect(changed).rejects.toMatchObject({ errorId: 906, status: 403 })
  expect(store.users.list().map(({ username, group }) => [username, group])).toEqual([
    ['first', 'owner'],
    ['second', 'viewer'],
  ])
})

test.each([
  ['a second owner', "UPDATE users SET user_group = 'owner'"],
  ['an unknown group', "UPDATE users SET user_group = 'root'"],
  ['a user without a secret', 'UPDATE users SET secret = NULL'],
])('a constraint rejects %s', async (_, statement) => {
  using store = createTestStore()
  await store.db.write(() => {
    store.users.insert(createAccount('first', 'owner'))
    store.users.insert(createAccount('second'))
  })
  expect(() => store.db.sql.run(statement)).toThrow(/constraint failed/)
})

test('a time step is used once, and no earlier one after it', async () => {
  using store = createTestStore()
  const ada = createAccount('ada')
  const consume = (step: number) => store.db.write(() => store.users.consumeTimeStep(ada, step))
  await store.db.write(() => store.users.insert(ada))
  expect(await consume(100)).toBe(true)
  expect(await consume(100)).toBe(false)
  expect(await consume(99)).toBe(false)
  expect(await consume(0)).toBe(false)
  expect(await consume(101)).toBe(true)
  expect(await consume(100)).toBe(false)
})

test('the first time step can be used', async () => {
  using store = createTestStore()
  const ada = createAccount('ada')
  await store.db.write(() => store.users.insert(ada))
  expect(await store.db.write(() => store.users.consumeTimeStep(ada, 0))).toBe(true)
})

test('time steps are tracked per user', async () => {
  using store = createTestStore()
  await store.db.write(() => {
    store.users.insert(createAccount('ada'))
    store.users.insert(createAccount('bob'))
    store.users.consumeTimeStep(createAccount('ada'), 100)
  })
  expect(await store.db.write(() => store.users.consumeTimeStep(createAccount('bob'), 100))).toBe(true)
})

test('a new secret resets the used step, and codes of the old one are rejected', async () => {
  using store = createTestStore()
  const before = createAccount('ada')
  const after = { ...before, encryptedSecret: Buffer.from('another') }
  await store.db.write(() => {
    store.users.insert(before)
    store.users.consumeTimeStep(before, 100)
    store.users.updateGroupAndSecret(before.id, 'manager', after.encryptedSecret)
  })
  expect(store.users.list()).toMatchObject([{ username: 'ada', group: 'manager' }])
  expect(await store.db.write(() => store.users.consumeTimeStep(before, 101))).toBe(false)
  expect(await store.db.write(() => store.users.consumeTimeStep(after, 100))).toBe(true)
})

test('a removed user is gone and its name can be used again', async () => {
  using store = createTestStore()
  const ada = createAccount('ada')
  await store.db.write(() => store.users.insert(ada))
  expect(await store.db.write(() => store.users.remove(ada.id))).toBe(true)
  expect(await store.db.write(() => store.users.remove(ada.id))).toBe(false)
  expect(await store.db.write(() => store.users.consumeTimeStep(ada, 1))).toBe(false)
  expect(store.users.find('ada')).toBeUndefined()
  await store.db.write(() => store.users.insert(ada))
  expect(store.users.list()).toHaveLength(1)
})
