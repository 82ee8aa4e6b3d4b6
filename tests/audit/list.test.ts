import { expect, test } from 'bun:test'
import { createTestApi, type TestApi } from '../_support/api.ts'
import { readAudit } from '../_support/audit.ts'

const HOUR = 3_600_000

/** Twelve logins, an hour apart, by two users in turn; the owner's is the last one. */
async function createBusyApi() {
  const api = await createTestApi()
  const users = [await api.createUser('ada', 'owner'), await api.createUser('bob', 'viewer')]
  let token = ''
  for (let number = 0; number < 12; number++) {
    api.clock.move(HOUR)
    const user = users[(number + 1) % 2]
    token = user ? (await api.logIn(user)).access_token : ''
  }
  return { api, token }
}

const logins = async (api: TestApi, token: string, query: string) =>
  (await readAudit(api, token, `?action=user.auth&${query}`)).map(({ user, time }) => `${user} ${time.slice(11, 13)}`)

test('newest first, each with what there is to tell of it', async () => {
  const { api, token } = await createBusyApi()
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

test('by user, by time, and both', async () => {
  const { api, token } = await createBusyApi()
  await using _ = api
  expect(await logins(api, token, 'user=bob&limit=2')).toEqual(['bob 12', 'bob 14'])
  expect(await logins(api, token, 'since=2026-01-02T14:00:00Z')).toEqual(['bob 14', 'ada 15'])
  expect(await logins(api, token, 'since=2026-01-02T15:00:00%2B01:00')).toEqual(['bob 14', 'ada 15'])
  expect(await logins(api, token, 'since=2026-01-02T12:30&user=bob')).toEqual(['bob 14'])
  expect(await logins(api, token, 'since=2026-01-03')).toEqual([])
  expect(await logins(api, token, 'user=nobody')).toEqual([])
})

test('by action, or all below a word of it', async () => {
  const { api, token } = await createBusyApi()
  await using _ = api
  await api.call('POST', '/droplet/add', { token })
  await api.call('PATCH', '/droplet/stop/cikit01', { token })
  const actions = async (action: string) => (await readAudit(api, token, `?action=${action}`)).map(told => told.action)
  expect(await actions('droplet')).toEqual(['droplet.add', 'droplet.stop'])
  expect(await actions('droplet.stop')).toEqual(['droplet.stop'])
  expect(await actions('drop')).toEqual([])
  expect(await actions('%25')).toEqual([])
})

test('page after page, by the id of the last record, without a gap', async () => {
  const { api, token } = await createBusyApi()
  await using _ = api
  const ids: (number | null)[] = []
  for (let cursor = ''; ; cursor = `&cursor=${ids.at(-1)}`) {
    const page = (await readAudit(api, token, `?limit=4${cursor}`)).toReversed()
    if (page.length === 0) break
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
])('%s is refused', async query => {
  await using api = await createTestApi()
  const { token } = await api.signedIn('owner')
  const answer = await api.call('GET', `/audit/list?${query}`, { token })
  expect(answer).toMatchObject({ status: 400, body: { errorId: 917 } })
})
