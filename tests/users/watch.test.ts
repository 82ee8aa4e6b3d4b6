import { expect, test } from 'bun:test'
import { createAccess } from '../../src/context.ts'
import { createUserWatch, type UserChange } from '../../src/users/watch.ts'
import { ACT } from '../_support/act.ts'
import { createTestApi } from '../_support/api.ts'

const worded = ({ change, user }: UserChange) => `${change} ${user.username} ${user.group}`

/** What a watch tells of the users of an API. */
async function createWatched() {
  const api = await createTestApi()
  await api.createUser('owner', 'owner')
  const told: string[] = []
  const { users } = api.context
  const watch = createUserWatch(users.list, change => void told.push(worded(change)))
  return {
    api,
    users,
    /** What a look finds. */
    look(): string[] {
      watch.look()
      return told.splice(0)
    },
    [Symbol.asyncDispose]: api[Symbol.asyncDispose],
  }
}

test('who was there at the beginning is not told', async () => {
  await using watched = await createWatched()
  expect(watched.look()).toEqual([])
})

test('who comes, changes and goes is told once', async () => {
  await using watched = await createWatched()
  const { users, look } = watched
  await users.add(ACT, 'ann', 'viewer')
  expect(look()).toEqual(['added ann viewer'])
  expect(look()).toEqual([])
  await users.handOver(ACT, 'ann')
  expect(look()).toEqual(['changed owner manager', 'changed ann owner'])
  await users.remove(ACT, 'owner')
  expect(look()).toEqual(['removed owner manager'])
  expect(look()).toEqual([])
})

test('a name that was given anew is somebody else', async () => {
  await using watched = await createWatched()
  const { users, look } = watched
  await users.add(ACT, 'ann', 'viewer')
  look()
  await users.remove(ACT, 'ann')
  await users.add(ACT, 'ann', 'manager')
  expect(look()).toEqual(['removed ann viewer', 'added ann manager'])
})

test('who came and went between two looks was never there', async () => {
  await using watched = await createWatched()
  await watched.users.add(ACT, 'ann', 'viewer')
  await watched.users.remove(ACT, 'ann')
  expect(watched.look()).toEqual([])
})

test('commits that are about something else are nothing', async () => {
  await using watched = await createWatched()
  await watched.api.logIn(await watched.api.createUser('ann', 'viewer'))
  expect(watched.look()).toEqual(['added ann viewer'])
  watched.api.clock.move(60_000)
  await watched.api.context.keepHouse()
  await watched.api.context.users.unlock(ACT, 'ann')
  expect(watched.look()).toEqual([])
})

test('what another process commits is seen', async () => {
  await using watched = await createWatched()
  await watched.users.add(ACT, 'ann', 'viewer')
  watched.look()
  const other = await createAccess(watched.api.config, { now: watched.api.clock.now })
  await other.users.provision(ACT, 'ann', 'manager', true)
  await other.users.add(ACT, 'bob', 'viewer')
  await other.close()
  // The version of another process's commits is asked for once a turn.
  await new Promise(setImmediate)
  expect(watched.look()).toEqual(['changed ann manager', 'added bob viewer'])
})
