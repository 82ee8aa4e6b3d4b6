import { describe, expect, test } from 'bun:test'
import { parseCandidate } from '../../../src/backups/import/candidate.ts'
import { TEST_ACTOR } from '../../testkit/actor.ts'
import { createTestApi, type TestApi } from '../../testkit/api/test-api.ts'
import { formatRecord, readAudit } from '../../testkit/audit/audit.ts'
import { EXPORTED_SECRET, exportedUser } from '../../testkit/backups/users-export.ts'

const parse = (users: Record<string, unknown>[]) =>
  users.map((document, index) => parseCandidate({ position: index + 1, document }, 'base32', Date.UTC(2026, 0, 1)))

const outcomes = (results: { outcome: string }[]) => results.map(({ outcome }) => outcome)

/** `username group` of all users, oldest first. */
const listUsers = (api: TestApi) => api.context.users.list().map(({ username, group }) => `${username} ${group}`)

test('imports users with groups, dates and secrets, oldest first', async () => {
  await using api = await createTestApi()
  const later = { created: { $date: '2019-01-01T00:00:00Z' } }
  const users = [exportedUser('ann', 'viewer', later), exportedUser('BR0kEN', 'owner'), exportedUser('bob', 'manager')]
  expect(outcomes(await api.context.userImport.apply(TEST_ACTOR, parse(users)))).toEqual(['new', 'new', 'new'])
  expect(listUsers(api)).toEqual(['BR0kEN owner', 'bob manager', 'ann viewer'])
  expect(api.context.users.list().map(({ createdAt }) => new Date(createdAt).getFullYear())).toEqual([2018, 2018, 2019])
  await api.logIn({ username: 'BR0kEN', secret: EXPORTED_SECRET })
})

test('records exactly the imported users', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner', 'owner')
  const actor = { ...TEST_ACTOR, user: 'host:root', action: 'import' }
  await api.context.userImport.apply(actor, parse([exportedUser('ann', 'viewer'), exportedUser('ann@home', 'viewer')]))
  const records = (await readAudit(api, token)).map(formatRecord)
  expect(records.filter(record => record.includes('import'))).toEqual(['host:root import ann ok'])
})

test('planning an import imports no user', async () => {
  await using api = await createTestApi()
  const results = await api.context.userImport.plan(parse([exportedUser('ann', 'viewer')]))
  expect(outcomes(results)).toEqual(['new'])
  expect(listUsers(api)).toEqual([])
})

test('a second import changes nothing', async () => {
  await using api = await createTestApi()
  const users = parse([exportedUser('ann', 'owner'), exportedUser('bob', 'viewer')])
  await api.context.userImport.apply(TEST_ACTOR, users)
  const before = api.context.users.list()
  expect(outcomes(await api.context.userImport.apply(TEST_ACTOR, users))).toEqual(['existing', 'existing'])
  expect(api.context.users.list()).toEqual(before)
})

test('an unknown date becomes the current time, with a remark', async () => {
  await using api = await createTestApi()
  const [result] = await api.context.userImport.apply(
    TEST_ACTOR,
    parse([exportedUser('ann', 'viewer', { created: null })]),
  )
  expect(result).toMatchObject({ outcome: 'new', remark: expect.stringContaining('set to now') })
  expect(api.context.users.list()[0]?.createdAt).toBe(api.clock.now())
})

describe('rejects ambiguous users and imports the rest:', () => {
  test.each<[string, string[][], RegExp[], string[]]>([
    [
      'two names that differ only in case',
      [
        ['ann', 'viewer'],
        ['bob', 'viewer'],
        ['Ann', 'manager'],
      ],
      [/^the same name as 3/, /^$/, /^the same name as 1/],
      ['owner owner', 'kim viewer', 'bob viewer'],
    ],
    [
      'a second owner',
      [
        ['ann', 'owner'],
        ['bob', 'viewer'],
      ],
      [/^the owner here is owner: /, /^$/],
      ['owner owner', 'kim viewer', 'bob viewer'],
    ],
    [
      'a name that differs only in case from an existing one',
      [['KIM', 'viewer']],
      [/^there is already a user kim/],
      [],
    ],
    ['an existing user in another group', [['kim', 'manager']], [/^already a user here, in the group viewer/], []],
    ['an existing user with another secret', [['kim', 'viewer']], [/^already a user here, with another secret/], []],
  ])('%s', async (_, users, remarks, after) => {
    await using api = await createTestApi()
    await api.createUser('owner', 'owner')
    await api.createUser('kim', 'viewer')
    const results = await api.context.userImport.apply(
      TEST_ACTOR,
      parse(users.map(([name = '', group = '']) => exportedUser(name, group))),
    )
    for (const [index, remark] of remarks.entries()) expect(results[index]?.remark).toMatch(remark)
    expect(listUsers(api)).toEqual(after.length > 0 ? after : ['owner owner', 'kim viewer'])
  })

  test('two owners without an existing one', async () => {
    await using api = await createTestApi()
    const users = parse([exportedUser('ann', 'owner'), exportedUser('bob', 'owner'), exportedUser('kim', 'viewer')])
    const results = await api.context.userImport.apply(TEST_ACTOR, users)
    expect(results.map(({ remark }) => remark)).toEqual([
      expect.stringMatching(/^an owner like 2: /),
      expect.stringMatching(/^an owner like 1: /),
      '',
    ])
    expect(listUsers(api)).toEqual(['kim viewer'])
  })
})

test('imports nobody if one user cannot be stored', async () => {
  await using api = await createTestApi()
  api.context.db.sql.run(
    "CREATE TRIGGER full BEFORE INSERT ON users WHEN new.username = 'bob' BEGIN SELECT raise(ABORT, 'no'); END",
  )
  await expect(
    api.context.userImport.apply(TEST_ACTOR, parse([exportedUser('ann', 'viewer'), exportedUser('bob', 'viewer')])),
  ).rejects.toThrow('no')
  expect(listUsers(api)).toEqual([])
})

test('does not overwrite a user created during the import, and imports none', async () => {
  await using api = await createTestApi()
  const applying = api.context.userImport.apply(
    TEST_ACTOR,
    parse([exportedUser('ann', 'viewer'), exportedUser('bob', 'viewer')]),
  )
  await api.context.users.add(TEST_ACTOR, 'ann', 'manager')
  await expect(applying).rejects.toThrow(
    'The user ann was changed during the import: nothing was imported, run it again',
  )
  expect(listUsers(api)).toEqual(['ann manager'])
})
