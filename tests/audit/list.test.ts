import { expect, test } from 'bun:test'
import { parseAuditFilter } from '../../src/audit/model.ts'
import { TEST_ACTOR } from '../testkit/actor.ts'
import { createTestApi, type TestApi } from '../testkit/api/test-api.ts'
import { readAudit } from '../testkit/audit/audit.ts'

const HOUR = 3_600_000

/** Twelve logins, an hour apart, by two users in turn; the owner's is the last. */
async function createApiWithLogins() {
  const api = await createTestApi()
  const users = [await api.createUser('ada', 'owner'), await api.createUser('bob', 'viewer')]
  let token = ''
  for (let number = 0; number < 12; number++) {
    api.clock.advance(HOUR)
    const user = users[(number + 1) % 2]
    token = user ? (await api.logIn(user)).access_token : ''
  }
  return { api, token }
}

const logins = async (api: TestApi, token: string, query: string) =>
  (await readAudit(api, token, `?action=user.auth&${query}`)).map(({ user, time }) => `${user} ${time.slice(11, 13)}`)

/** Sets the time zone of this process until the scope ends. */
function timeZone(name: string) {
  const before = process.env.TZ
  process.env.TZ = name
  return {
    [Symbol.dispose]() {
      // Tests run in UTC by default.
      process.env.TZ = before ?? 'Etc/UTC'
    },
  }
}

test('lists records newest first with all fields', async () => {
  const { api, token } = await createApiWithLogins()
  await using _ = api
  const { body } = await api.call('GET', '/audit/list?limit=2', { token })
  expect(body).toEqual([
    {
      id: 15,
      time: '2026-01-02T15:04:05.000Z',
      user: 'ada',
      address: 'unknown',
      action: 'user.auth',
      target: 'ada',
      result: 'ok',
      error_id: null,
      count: 1,
    },
    expect.objectContaining({ id: 14, user: 'bob' }),
  ])
})

test('lists 100 records by default', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  await api.context.db.write(() => {
    for (let count = 0; count < 1_100; count++) api.context.audit.record(TEST_ACTOR, '')
  })
  expect(await readAudit(api, token)).toHaveLength(100)
  expect(await readAudit(api, token, '?limit=1000')).toHaveLength(1_000)
})

test('since is inclusive', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  const recordsSince = (since: string) => readAudit(api, token, `?action=user.auth&since=${since}`)
  expect(await recordsSince('2026-01-02T03:04:05Z')).toHaveLength(1)
  expect(await recordsSince('2026-01-02T03:04:05.001Z')).toEqual([])
})

test("a time without a zone is UTC, whatever the server's zone", async () => {
  using _ = timeZone('Asia/Tokyo')
  expect(new Date(0).getHours()).toBe(9)
  for (const since of ['1970-01-02', '1970-01-02T00:00', '1970-01-02 00:00:00']) {
    expect(parseAuditFilter({ since })).toEqual({ since: 86_400_000 })
  }
})

test('filters by user and time', async () => {
  const { api, token } = await createApiWithLogins()
  await using _ = api
  expect(await logins(api, token, 'user=bob&limit=2')).toEqual(['bob 12', 'bob 14'])
  expect(await logins(api, token, 'since=2026-01-02T14:00:00Z')).toEqual(['bob 14', 'ada 15'])
  expect(await logins(api, token, 'since=2026-01-02T15:00:00%2B01:00')).toEqual(['bob 14', 'ada 15'])
  expect(await logins(api, token, 'since=2026-01-02T12:30&user=bob')).toEqual(['bob 14'])
  expect(await logins(api, token, 'since=2026-01-03')).toEqual([])
  expect(await logins(api, token, 'user=nobody')).toEqual([])
})

test('filters by action or prefix', async () => {
  const { api, token } = await createApiWithLogins()
  await using _ = api
  await api.call('POST', '/droplet/add', { token })
  await api.call('PATCH', '/droplet/stop/cikit01', { token })
  const actions = async (action: string) =>
    (await readAudit(api, token, `?action=${action}`)).map(record => record.action)
  expect(await actions('droplet')).toEqual(['droplet.add', 'droplet.stop'])
  expect(await actions('droplet.stop')).toEqual(['droplet.stop'])
  expect(await actions('drop')).toEqual([])
  expect(await actions('%25')).toEqual([])
})

test('filters by target, including pending denials', async () => {
  const { api, token } = await createApiWithLogins()
  await using _ = api
  for (let count = 0; count < 2; count++) await api.call('POST', '/droplet/add', { token })
  await api.call('PATCH', '/droplet/stop/cikit02', { token })
  await api.call('PATCH', '/droplet/stop/cikit03', { token })
  const recordsOfTarget = async (target: string) =>
    (await readAudit(api, token, `?target=${target}`)).map(({ action, result }) => `${action} ${result}`)
  expect(await recordsOfTarget('cikit02')).toEqual(['droplet.add ok', 'droplet.stop ok'])
  expect(await recordsOfTarget('cikit03')).toEqual(['droplet.stop refused'])
  expect(await recordsOfTarget('cikit')).toEqual([])
  expect(await recordsOfTarget('%25')).toEqual([])
})

test('pages by the id of the last record without gaps', async () => {
  const { api, token } = await createApiWithLogins()
  await using _ = api
  const ids: (number | null)[] = []
  // Four pages and an empty one.
  for (let count = 1; count <= 5; count++) {
    const cursor = ids.length > 0 ? `&cursor=${ids.at(-1)}` : ''
    const page = (await readAudit(api, token, `?limit=4${cursor}`)).toReversed()
    ids.push(...page.map(({ id }) => id))
  }
  expect(ids).toEqual(Array.from({ length: 15 }, (_, index) => 15 - index))
})

test.each([
  ...[
    'limit=0',
    'limit=1001',
    'limit=ten',
    'limit=1e2',
    'limit=-1',
    'cursor=0',
    'cursor=x',
    'cursor=99999999999999999',
  ],
  ...[
    'usr=ada',
    'action[$ne]=x',
    'since=2026-02-31',
    'since=yesterday',
    'since=2026',
    'since=2026-13-01',
    'since=1767322800000',
    "since=' OR 1=1--",
  ],
])('rejects %s', async query => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  const response = await api.call('GET', `/audit/list?${query}`, { token })
  expect(response).toMatchObject({ status: 400, body: { errorId: 917 } })
})
