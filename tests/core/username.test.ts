import { expect, test } from 'bun:test'
import { ApiError } from '../../src/core/errors.ts'
import type { Group } from '../../src/core/groups.ts'
import { includesGroup, parseGroup } from '../../src/core/groups.ts'
import { parseUsername } from '../../src/core/username.ts'
import { badUsernames } from '../testkit/auth/bad-usernames.ts'

function errorOf(parse: () => unknown): unknown {
  try {
    return { accepted: parse() }
  } catch (error) {
    return error
  }
}

test.each(['a', '7', 'Ada', 'ada.lovelace', 'a_b-c', '2fa', `a${'.'.repeat(63)}`, 'constructor'])(
  '%j is a username',
  name => {
    expect(parseUsername(name)).toBe(name)
  },
)

test.each(badUsernames.map(name => [name]))('rejects the username %j with 917 without echoing it', value => {
  const rejected = errorOf(() => parseUsername(value))
  expect(rejected).toBeInstanceOf(ApiError)
  expect(rejected).toMatchObject({ errorId: 917, message: expect.stringMatching(/^A username has 1 to 64 of/) })
})

test.each(['viewer', 'manager', 'owner'])('%s is a group', group => {
  expect<string>(parseGroup(group)).toBe(group)
})

const invalidGroups = [
  'Owner',
  'admin',
  'owner ',
  'owner\n',
  '',
  0,
  null,
  ['owner'],
  { group: 'owner' },
  '__proto__',
  'length',
]

test.each(invalidGroups.map(group => [group]))('rejects the group %j with 905', value => {
  expect(errorOf(() => parseGroup(value))).toMatchObject({ errorId: 905 })
})

const inheritance: [Group, Group[]][] = [
  ['viewer', ['viewer']],
  ['manager', ['viewer', 'manager']],
  ['owner', ['viewer', 'manager', 'owner']],
]

test.each(inheritance)('a %s has the permissions of %j', (group, minima) => {
  const allowed = inheritance.map(([minimum]) => minimum).filter(minimum => includesGroup(group, minimum))
  expect(allowed).toEqual(minima)
})
