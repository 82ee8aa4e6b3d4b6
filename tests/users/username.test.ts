import { expect, test } from 'bun:test'
import { ApiError } from '../../src/errors.ts'
import type { Group } from '../../src/store/users.ts'
import { includesGroup, parseGroup, parseUsername } from '../../src/users/username.ts'
import { badUsernames } from '../_support/usernames.ts'

function refusalOf(work: () => unknown): unknown {
  try {
    return { accepted: work() }
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

test.each(badUsernames.map(name => [name]))('%j is no username: 917, and the text does not repeat it', value => {
  const refused = refusalOf(() => parseUsername(value))
  expect(refused).toBeInstanceOf(ApiError)
  expect(refused).toMatchObject({ errorId: 917, message: expect.stringMatching(/^A username is 1 to 64 of/) })
})

test.each(['viewer', 'manager', 'owner'])('%s is a group', group => {
  expect<string>(parseGroup(group)).toBe(group)
})

const noGroups = [
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

test.each(noGroups.map(group => [group]))('%j is no group: 905', value => {
  expect(refusalOf(() => parseGroup(value))).toMatchObject({ errorId: 905 })
})

const inherited: [Group, Group[]][] = [
  ['viewer', ['viewer']],
  ['manager', ['viewer', 'manager']],
  ['owner', ['viewer', 'manager', 'owner']],
]

test.each(inherited)('a %s may do what %j may', (group, minima) => {
  const allowed = inherited.map(([minimum]) => minimum).filter(minimum => includesGroup(group, minimum))
  expect(allowed).toEqual(minima)
})
