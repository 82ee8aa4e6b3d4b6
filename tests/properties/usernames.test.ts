import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { createTestApi } from '../_support/api.ts'
import { refusalIn, send } from '../_support/exchange.ts'
import { anyJson, anyText, holds, hostileTexts } from '../_support/properties.ts'
import { badUsernames } from '../_support/usernames.ts'

const good = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/)
const close = fc
  .tuple(good, fc.oneof(fc.string({ maxLength: 2 }), anyText), fc.nat(64))
  .map(([name, text, at]) => name.slice(0, at) + text + name.slice(at))
const usernames = fc.oneof(
  good,
  close,
  anyText,
  anyJson,
  fc.constantFrom(...badUsernames, ...hostileTexts, 'owner', 'OWNER', 'Viewer'),
)
const groups = fc.oneof(fc.constantFrom('viewer', 'manager', 'viewer', 'manager', 'owner'), anyJson, anyText)

const isAbsent = (field: unknown) => field === undefined || field === null || field === ''
const isUsername = (field: unknown) => typeof field === 'string' && /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(field)
const isTaken = (field: unknown) => ['owner', 'viewer'].includes(String(field).toLowerCase())

/** What a new user is answered; where two ids are true, it may be either. */
function expected(username: unknown, group: unknown): number[] {
  if (isAbsent(username) || isAbsent(group)) return [913]
  if (!isUsername(username)) return [917]
  if (group !== 'viewer' && group !== 'manager' && group !== 'owner') return [905]
  const refusals = [...(isTaken(username) ? [914] : []), ...(group === 'owner' ? [906] : [])]
  return refusals.length > 0 ? refusals : [200]
}

test('a user is added by a good name and a group, and found by exactly that name; nothing else adds anybody', async () => {
  await using api = await createTestApi()
  const { token } = await api.signedIn('owner')
  await api.createUser('viewer', 'viewer')
  const call = (method: string, path: string, json?: unknown) =>
    send(api, method, path, {
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(json !== undefined && { body: JSON.stringify(json) }),
    })
  const names = () => api.context.users.list().map(({ username }) => username)

  await holds('usernames: added', fc.tuple(usernames, groups), async ([username, group]) => {
    const answer = await call('POST', '/user/add', { username, group })
    const ids = expected(username, group)
    if (!ids.includes(200)) {
      expect(ids).toContain(refusalIn(answer))
      return expect(names()).toEqual(['owner', 'viewer'])
    }
    expect(answer.status).toBe(200)
    expect(JSON.parse(answer.text)[2]).toMatchObject({ username, group })
    expect(names()).toEqual(['owner', 'viewer', String(username)])
    expect((await call('GET', `/user/auth/setup/${username}`)).status).toBe(200)
    expect((await call('DELETE', `/user/delete/${username}`)).status).toBe(200)
    expect(names()).toEqual(['owner', 'viewer'])
  })
})

const ways = fc.constantFrom<[string, string][]>(
  ['DELETE', '/user/delete'],
  ['PATCH', '/user/unlock'],
  ['GET', '/user/auth/setup'],
  ['GET', '/user/sessions'],
  ['DELETE', '/user/auth/revoke'],
)
const inPath = fc.oneof(
  anyText,
  close,
  fc.constantFrom(...hostileTexts, 'ADA', 'Ada', 'ada ', 'ada%', 'ad_', '*', 'a*'),
)

test('a path names a user by the exact name only; to all but the owner every other name is the same', async () => {
  await using api = await createTestApi()
  const owner = await api.signedIn('owner')
  const manager = await api.signedIn('manager')
  await api.signedIn('viewer', 'ada')
  const users = api.context.users.list()
  const as = ({ token }: { token: string }) => ({ headers: { authorization: `Bearer ${token}` } })

  await holds('usernames: in a path', fc.tuple(ways, inPath), async ([[method, path], name]) => {
    fc.pre(!users.some(({ username }) => username === name))
    const target = `${path}/${encodeURIComponent(name)}`
    const noPart = ['', '.', '..'].includes(name)
    expect(refusalIn(await send(api, method, target, as(owner)))).toBe(noPart ? 404 : 903)
    const others = await send(api, method, target, as(manager))
    if (!noPart) expect(others).toEqual(await send(api, method, `${path}/ada`, as(manager)))
    expect(api.context.users.list()).toEqual(users)
  })
  for (const { token } of [owner, manager]) expect((await api.call('GET', '/droplet/list', { token })).status).toBe(200)
})
