import { expect, test } from 'bun:test'
import { createCoreContext } from '../../src/core-context.ts'
import { createUserChangeDetector, type UserChange } from '../../src/users/change-detector.ts'
import { TEST_ACTOR } from '../testkit/actor.ts'
import { createTestApi } from '../testkit/api/test-api.ts'

const summarize = ({ change, user }: UserChange) => `${change} ${user.username} ${user.group}`

/** A change detector over the users of an API that has an owner. */
async function createDetectorHarness() {
  const api = await createTestApi()
  await api.createUser('owner', 'owner')
  const changes: string[] = []
  const { users } = api.context
  const detector = createUserChangeDetector(users.list, change => void changes.push(summarize(change)))
  return {
    api,
    users,
    /** Polls once and returns the reported changes. */
    poll(): string[] {
      detector.poll()
      return changes.splice(0)
    },
    [Symbol.asyncDispose]: api[Symbol.asyncDispose],
  }
}

test('does not report the initial users', async () => {
  await using harness = await createDetectorHarness()
  expect(harness.poll()).toEqual([])
})

test('reports an added, changed or removed user once', async () => {
  await using harness = await createDetectorHarness()
  const { users, poll } = harness
  await users.add(TEST_ACTOR, 'ann', 'viewer')
  expect(poll()).toEqual(['added ann viewer'])
  expect(poll()).toEqual([])
  await users.handOver(TEST_ACTOR, 'ann')
  expect(poll()).toEqual(['changed owner manager', 'changed ann owner'])
  await users.remove(TEST_ACTOR, 'owner')
  expect(poll()).toEqual(['removed owner manager'])
  expect(poll()).toEqual([])
})

test('reports a user deleted and added again as two changes', async () => {
  await using harness = await createDetectorHarness()
  const { users, poll } = harness
  await users.add(TEST_ACTOR, 'ann', 'viewer')
  poll()
  await users.remove(TEST_ACTOR, 'ann')
  await users.add(TEST_ACTOR, 'ann', 'manager')
  expect(poll()).toEqual(['removed ann viewer', 'added ann manager'])
})

test('does not report a user that was added and removed between two polls', async () => {
  await using harness = await createDetectorHarness()
  await harness.users.add(TEST_ACTOR, 'ann', 'viewer')
  await harness.users.remove(TEST_ACTOR, 'ann')
  expect(harness.poll()).toEqual([])
})

test('does not report other commits', async () => {
  await using harness = await createDetectorHarness()
  await harness.api.logIn(await harness.api.createUser('ann', 'viewer'))
  expect(harness.poll()).toEqual(['added ann viewer'])
  harness.api.clock.advance(60_000)
  await harness.api.context.runMaintenance()
  await harness.api.context.users.unlock(TEST_ACTOR, 'ann')
  expect(harness.poll()).toEqual([])
})

test('reports changes made by another process', async () => {
  await using harness = await createDetectorHarness()
  await harness.users.add(TEST_ACTOR, 'ann', 'viewer')
  harness.poll()
  const otherProcess = await createCoreContext(harness.api.config, { now: harness.api.clock.now })
  await otherProcess.users.provision(TEST_ACTOR, 'ann', 'manager', true)
  await otherProcess.users.add(TEST_ACTOR, 'bob', 'viewer')
  await otherProcess.close()
  // Commits of other processes are checked once per turn of the event loop.
  await new Promise(setImmediate)
  expect(harness.poll()).toEqual(['changed ann manager', 'added bob viewer'])
})
