import { describe, expect, test } from 'bun:test'
import { toCandidate } from '../../src/import/candidate.ts'
import { ACT } from '../_support/act.ts'
import { createTestApi, type TestApi } from '../_support/api.ts'
import { inWords, readAudit } from '../_support/audit.ts'
import { EXPORTED_SECRET, exportedUser } from '../_support/exported.ts'

const read = (users: Record<string, unknown>[]) =>
  users.map((document, index) => toCandidate({ at: index + 1, document }, 'base32', Date.UTC(2026, 0, 1)))

const outcomes = (verdicts: { outcome: string }[]) => verdicts.map(({ outcome }) => outcome)

/** `username group` of all users, oldest first. */
const present = (api: TestApi) => api.context.users.list().map(({ username, group }) => `${username} ${group}`)

test('users are taken with their groups, dates and secrets, oldest first', async () => {
  await using api = await createTestApi()
  const later = { created: { $date: '2019-01-01T00:00:00Z' } }
  const users = [exportedUser('ann', 'viewer', later), exportedUser('BR0kEN', 'owner'), exportedUser('bob', 'manager')]
  expect(outcomes(await api.context.imported.take(ACT, read(users)))).toEqual(['taken', 'taken', 'taken'])
  expect(present(api)).toEqual(['BR0kEN owner', 'bob manager', 'ann viewer'])
  expect(api.context.users.list().map(({ createdAt }) => new Date(createdAt).getFullYear())).toEqual([2018, 2018, 2019])
  await api.logIn({ username: 'BR0kEN', secret: EXPORTED_SECRET })
})

test('each who is taken is in the audit, and nobody else', async () => {
  await using api = await createTestApi()
  const { token } = await api.signedIn('owner', 'owner')
  const act = { ...ACT, user: 'host:root', action: 'import' }
  await api.context.imported.take(act, read([exportedUser('ann', 'viewer'), exportedUser('ann@home', 'viewer')]))
  const told = (await readAudit(api, token)).map(inWords)
  expect(told.filter(words => words.includes('import'))).toEqual(['host:root import ann ok'])
})

test('a look at it takes nobody', async () => {
  await using api = await createTestApi()
  const verdicts = await api.context.imported.judge(read([exportedUser('ann', 'viewer')]))
  expect(outcomes(verdicts)).toEqual(['taken'])
  expect(present(api)).toEqual([])
})

test('a second time finds them there, and changes nothing', async () => {
  await using api = await createTestApi()
  const users = read([exportedUser('ann', 'owner'), exportedUser('bob', 'viewer')])
  await api.context.imported.take(ACT, users)
  const before = api.context.users.list()
  expect(outcomes(await api.context.imported.take(ACT, users))).toEqual(['there', 'there'])
  expect(api.context.users.list()).toEqual(before)
})

test('a date that is not known is now, and that is said', async () => {
  await using api = await createTestApi()
  const [verdict] = await api.context.imported.take(ACT, read([exportedUser('ann', 'viewer', { created: null })]))
  expect(verdict).toMatchObject({ outcome: 'taken', remark: expect.stringContaining('created now') })
  expect(api.context.users.list()[0]?.createdAt).toBe(api.clock.now())
})

describe('what is not clear is not taken, and the rest is', () => {
  test.each<[string, string[][], RegExp[], string[]]>([
    [
      'two of a name, ignoring case',
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
    ['a name that differs in case from one here', [['KIM', 'viewer']], [/^there is a user kim/], []],
    ['a user here in another group', [['kim', 'manager']], [/^a user here, in the group viewer/], []],
    ['a user here with another secret', [['kim', 'viewer']], [/^a user here, with another secret/], []],
  ])('%s', async (_, users, remarks, after) => {
    await using api = await createTestApi()
    await api.createUser('owner', 'owner')
    await api.createUser('kim', 'viewer')
    const verdicts = await api.context.imported.take(
      ACT,
      read(users.map(([name = '', group = '']) => exportedUser(name, group))),
    )
    for (const [at, remark] of remarks.entries()) expect(verdicts[at]?.remark).toMatch(remark)
    expect(present(api)).toEqual(after.length > 0 ? after : ['owner owner', 'kim viewer'])
  })

  test('two owners, where there is none yet', async () => {
    await using api = await createTestApi()
    const users = read([exportedUser('ann', 'owner'), exportedUser('bob', 'owner'), exportedUser('kim', 'viewer')])
    const verdicts = await api.context.imported.take(ACT, users)
    expect(verdicts.map(({ remark }) => remark)).toEqual([
      expect.stringMatching(/^an owner like 2: /),
      expect.stringMatching(/^an owner like 1: /),
      '',
    ])
    expect(present(api)).toEqual(['kim viewer'])
  })
})

test('all of it or nothing: where one cannot be stored, nobody is taken', async () => {
  await using api = await createTestApi()
  api.context.db.sql.run(
    "CREATE TRIGGER full BEFORE INSERT ON users WHEN new.username = 'bob' BEGIN SELECT raise(ABORT, 'no'); END",
  )
  await expect(
    api.context.imported.take(ACT, read([exportedUser('ann', 'viewer'), exportedUser('bob', 'viewer')])),
  ).rejects.toThrow('no')
  expect(present(api)).toEqual([])
})

test('a user who is made at the same moment is not overwritten, and nobody is taken', async () => {
  await using api = await createTestApi()
  const taking = api.context.imported.take(ACT, read([exportedUser('ann', 'viewer'), exportedUser('bob', 'viewer')]))
  await api.context.users.add(ACT, 'ann', 'manager')
  await expect(taking).rejects.toThrow('The user ann was changed meanwhile: run it again, nothing was taken')
  expect(present(api)).toEqual(['ann manager'])
})
