import { describe, expect, test } from 'bun:test'
import { createEnrolmentStore } from '../../src/store/enrolments.ts'
import { invalidateRestoredState } from '../../src/store/invalidate-restored.ts'
import { TEST_ACTOR } from '../testkit/actor.ts'
import { createTestDropletHost } from '../testkit/droplets/droplet-host.ts'
import { createAccount, createTestStore, createTokenPair } from '../testkit/store/test-store.ts'

const NOW = 1_800_000_015_000
const STEP = 60_000_000

/** A store with a logged-in user. */
async function createLoggedInStore() {
  const store = createTestStore()
  const account = createAccount('ann')
  const session = { id: 's', userId: account.id, createdAt: 1, lastUsedAt: 1, address: '192.0.2.1', agent: '' }
  await store.db.write(() => {
    store.users.insert(account)
    store.sessions.insert(session, createTokenPair('one', { access: NOW * 2, refresh: NOW * 2 }))
    store.sessions.rotate(
      's',
      Buffer.from('refresh one'),
      createTokenPair('two', { access: NOW * 2, refresh: NOW * 2 }),
      1,
    )
  })
  const invalidate = () => store.db.write(() => invalidateRestoredState(store.db, NOW))
  return { ...store, account, invalidate }
}

test('ends all sessions and removes their used tokens', async () => {
  using store = await createLoggedInStore()
  expect(await store.invalidate()).toEqual({ sessions: 1, enrolments: 0, operations: 0 })
  for (const name of ['one', 'two']) {
    expect(store.sessions.findByAccess(Buffer.from(`access ${name}`))).toBeUndefined()
    expect(store.sessions.findByRefresh(Buffer.from(`refresh ${name}`))).toBeUndefined()
    expect(store.sessions.findRotated(Buffer.from(`refresh ${name}`))).toBeUndefined()
  }
})

test('rejects codes of the current and earlier steps', async () => {
  using store = await createLoggedInStore()
  await store.invalidate()
  const consume = (step: number) => store.db.write(() => store.users.consumeTimeStep(store.account, step))
  expect([await consume(STEP - 1), await consume(STEP), await consume(STEP + 1)]).toEqual([false, false, true])
})

test('a later used step stays used', async () => {
  using store = await createLoggedInStore()
  await store.db.write(() => store.users.consumeTimeStep(store.account, STEP + 5))
  await store.invalidate()
  expect(await store.db.write(() => store.users.consumeTimeStep(store.account, STEP + 5))).toBe(false)
})

test('cancels enrolments and their codes, keeps valid recovery codes', async () => {
  using store = await createLoggedInStore()
  const enrolments = createEnrolmentStore(store.db)
  const { id } = store.account
  const [kept, pending] = [Buffer.from('kept'), Buffer.from('pending')]
  await store.db.write(() => {
    enrolments.replaceCodes(id, [kept])
    enrolments.issue(id, Buffer.from('link'), NOW * 2)
    enrolments.redeem(id, { encryptedSecret: Buffer.from('secret'), expiresAt: NOW * 2 }, [pending])
  })
  expect(await store.invalidate()).toMatchObject({ enrolments: 1 })
  expect(enrolments.findByToken(Buffer.from('link'))).toBeUndefined()
  expect(enrolments.findPendingSecret(id)).toBeUndefined()
  const consume = (hash: Buffer) => store.db.write(() => enrolments.consumeCode(id, hash))
  expect(await consume(kept)).toBe(true)
  // The codes shown then are not activated by a later enrolment.
  await store.db.write(() => enrolments.activate(id))
  expect(await consume(pending)).toBe(false)
})

describe('unfinished operations:', () => {
  const neverSettles = () => new Promise<never>(() => {})

  test('an add is not rolled back, since its droplet may be in use', async () => {
    await using host = createTestDropletHost()
    const startReached = Promise.withResolvers<void>()
    const firstService = host.startService({
      start: () => {
        startReached.resolve()
        return neverSettles()
      },
    })
    const { id } = await firstService.change(TEST_ACTOR, { kind: 'add', sshKeys: [] })
    await startReached.promise
    expect(host.provisioningJournal.list()).toHaveLength(1)
    // The backup has this state. The container and its keys stand for the completed add.
    host.memoryEngine.calls.length = 0
    expect(await host.db.write(() => invalidateRestoredState(host.db, host.clock.now()))).toMatchObject({
      operations: 1,
    })
    host.clock.advance(60_000)
    const nextService = host.startService()
    await nextService.resume()
    await nextService.idle()
    await nextService.close()
    expect(host.memoryEngine.calls).toEqual([])
    expect(host.names()).toEqual(['cikit01'])
    expect(host.keyFolders()).toEqual(['cikit01'])
    expect(host.provisioningJournal.list()).toEqual([])
    expect(nextService.operations.show(id)).toMatchObject({ state: 'failed', error: { id: 933 } })
  })

  test('a change is marked as failed and not resumed', async () => {
    await using host = createTestDropletHost()
    host.addDroplet('cikit01')
    const stopReached = Promise.withResolvers<void>()
    const firstService = host.startService({
      stop: () => {
        stopReached.resolve()
        return neverSettles()
      },
    })
    const { id } = await firstService.change(TEST_ACTOR, { kind: 'delete', droplet: 'cikit01' })
    await stopReached.promise
    host.memoryEngine.calls.length = 0
    await host.db.write(() => invalidateRestoredState(host.db, host.clock.now()))
    const nextService = host.startService()
    await nextService.resume()
    await nextService.idle()
    expect(host.memoryEngine.calls).toEqual([])
    expect(nextService.operations.show(id)).toMatchObject({ state: 'failed', error: { id: 933 } })
  })
})
