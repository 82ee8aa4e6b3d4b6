import { describe, expect, test } from 'bun:test'
import { createEnrolmentStore } from '../../src/store/enrolments.ts'
import { forgetWhatIsOver } from '../../src/store/restored.ts'
import { ACT } from '../_support/act.ts'
import { createTestDroplets } from '../_support/droplets.ts'
import { accountOf, createTestStore, pairOf } from '../_support/store.ts'

const NOW = 1_800_000_015_000
const STEP = 60_000_000

/** A store with a user that is logged in. */
async function createStore() {
  const store = createTestStore()
  const account = accountOf('ann')
  const session = { id: 's', userId: account.id, createdAt: 1, lastUsedAt: 1, address: '192.0.2.1', agent: '' }
  await store.db.write(() => {
    store.users.insert(account)
    store.sessions.insert(session, pairOf('one', { access: NOW * 2, refresh: NOW * 2 }))
    store.sessions.rotate('s', Buffer.from('refresh one'), pairOf('two', { access: NOW * 2, refresh: NOW * 2 }), 1)
  })
  const forget = () => store.db.write(() => forgetWhatIsOver(store.db, NOW))
  return { ...store, account, forget }
}

test('no session is left, and no token that one ever had', async () => {
  using store = await createStore()
  expect(await store.forget()).toEqual({ sessions: 1, enrolments: 0, operations: 0 })
  for (const name of ['one', 'two']) {
    expect(store.sessions.findByAccess(Buffer.from(`access ${name}`))).toBeUndefined()
    expect(store.sessions.findByRefresh(Buffer.from(`refresh ${name}`))).toBeUndefined()
    expect(store.sessions.findRotated(Buffer.from(`refresh ${name}`))).toBeUndefined()
  }
})

test('no code of the present step or an earlier one is accepted, and one of the next is', async () => {
  using store = await createStore()
  await store.forget()
  const takes = (step: number) => store.db.write(() => store.users.takeStep(store.account, step))
  expect([await takes(STEP - 1), await takes(STEP), await takes(STEP + 1)]).toEqual([false, false, true])
})

test('a step that was taken later than that stays taken', async () => {
  using store = await createStore()
  await store.db.write(() => store.users.takeStep(store.account, STEP + 5))
  await store.forget()
  expect(await store.db.write(() => store.users.takeStep(store.account, STEP + 5))).toBe(false)
})

test('links to enrol with are withdrawn, and what was shown for one; recovery codes are kept', async () => {
  using store = await createStore()
  const enrolments = createEnrolmentStore(store.db)
  const { id } = store.account
  const [kept, pending] = [Buffer.from('kept'), Buffer.from('pending')]
  await store.db.write(() => {
    enrolments.replaceCodes(id, [kept])
    enrolments.issue(id, Buffer.from('link'), NOW * 2)
    enrolments.show(id, { sealedSecret: Buffer.from('secret'), expiresAt: NOW * 2 }, [pending])
  })
  expect(await store.forget()).toMatchObject({ enrolments: 1 })
  expect(enrolments.findByToken(Buffer.from('link'))).toBeUndefined()
  expect(enrolments.pendingSecret(id)).toBeUndefined()
  const uses = (hash: Buffer) => store.db.write(() => enrolments.useCode(id, hash))
  expect(await uses(kept)).toBe(true)
  // What was shown then takes effect with nothing that comes later.
  await store.db.write(() => enrolments.complete(id))
  expect(await uses(pending)).toBe(false)
})

describe('what was under way', () => {
  const never = () => new Promise<never>(() => {})

  test('an add is not undone: what came of it after the backup is a droplet in use', async () => {
    await using host = createTestDroplets()
    const reached = Promise.withResolvers<void>()
    const before = host.startService({
      start: () => {
        reached.resolve()
        return never()
      },
    })
    const { id } = await before.change(ACT, { kind: 'add', sshKeys: [] })
    await reached.promise
    expect(host.unfinished.list()).toHaveLength(1)
    // So it is in the backup. Then it was finished; here its container and its keys stand for that.
    host.memory.calls.length = 0
    expect(await host.db.write(() => forgetWhatIsOver(host.db, host.clock.now()))).toMatchObject({ operations: 1 })
    host.clock.move(60_000)
    const after = host.startService()
    await after.resume()
    await after.idle()
    await after.close()
    expect(host.memory.calls).toEqual([])
    expect(host.names()).toEqual(['cikit01'])
    expect(host.keyFolders()).toEqual(['cikit01'])
    expect(host.unfinished.list()).toEqual([])
    expect(after.operations.show(id)).toMatchObject({ state: 'failed', error: { id: 933 } })
  })

  test('a change is not finished: nobody waits for it any more', async () => {
    await using host = createTestDroplets()
    host.put('cikit01')
    const reached = Promise.withResolvers<void>()
    const before = host.startService({
      stop: () => {
        reached.resolve()
        return never()
      },
    })
    const { id } = await before.change(ACT, { kind: 'delete', droplet: 'cikit01' })
    await reached.promise
    host.memory.calls.length = 0
    await host.db.write(() => forgetWhatIsOver(host.db, host.clock.now()))
    const after = host.startService()
    await after.resume()
    await after.idle()
    expect(host.memory.calls).toEqual([])
    expect(after.operations.show(id)).toMatchObject({ state: 'failed', error: { id: 933 } })
  })
})
