import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { createTestApi } from '../testkit/api/test-api.ts'
import { errorIdIn, sendRequest } from '../testkit/api/wire-response.ts'
import { badUsernames } from '../testkit/auth/bad-usernames.ts'
import { anyJson, anyText, checkProperty, hostileTexts } from '../testkit/properties/check-property.ts'

const validNames = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/)
const nearMissNames = fc
  .tuple(validNames, fc.oneof(fc.string({ maxLength: 2 }), anyText), fc.nat(64))
  .map(([name, text, index]) => name.slice(0, index) + text + name.slice(index))
const usernames = fc.oneof(
  validNames,
  nearMissNames,
  anyText,
  anyJson,
  fc.constantFrom(...badUsernames, ...hostileTexts, 'owner', 'OWNER', 'Viewer'),
)
const groups = fc.oneof(fc.constantFrom('viewer', 'manager', 'viewer', 'manager', 'owner'), anyJson, anyText)

const isMissing = (field: unknown) => field === undefined || field === null || field === ''
const isUsername = (field: unknown) => typeof field === 'string' && /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(field)
const isExistingName = (field: unknown) => ['owner', 'viewer'].includes(String(field).toLowerCase())

/** The allowed results of adding a user: more than one if several errors apply. */
function expectedStatuses(username: unknown, group: unknown): number[] {
  if (isMissing(username) || isMissing(group)) return [913]
  if (!isUsername(username)) return [917]
  if (group !== 'viewer' && group !== 'manager' && group !== 'owner') return [905]
  const possibleErrors = [...(isExistingName(username) ? [914] : []), ...(group === 'owner' ? [906] : [])]
  return possibleErrors.length > 0 ? possibleErrors : [200]
}

test('only a valid name and group add a user, who is found by exactly that name', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  await api.createUser('viewer', 'viewer')
  const call = (method: string, path: string, json?: unknown) =>
    sendRequest(api, method, path, {
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(json !== undefined && { body: JSON.stringify(json) }),
    })
  const names = () => api.context.users.list().map(({ username }) => username)

  await checkProperty('usernames: added', fc.tuple(usernames, groups), async ([username, group]) => {
    const response = await call('POST', '/user/add', { username, group })
    const ids = expectedStatuses(username, group)
    if (!ids.includes(200)) {
      expect(ids).toContain(errorIdIn(response))
      return expect(names()).toEqual(['owner', 'viewer'])
    }
    expect(response.status).toBe(200)
    const listed: unknown[] = JSON.parse(response.text)
    expect(listed[2]).toMatchObject({ username, group })
    expect(names()).toEqual(['owner', 'viewer', String(username)])
    expect((await call('GET', `/user/auth/setup/${username}`)).status).toBe(200)
    expect((await call('DELETE', `/user/delete/${username}`)).status).toBe(200)
    expect(names()).toEqual(['owner', 'viewer'])
  })
})

const userRoutes = fc.constantFrom<[string, string][]>(
  ['DELETE', '/user/delete'],
  ['PATCH', '/user/unlock'],
  ['GET', '/user/auth/setup'],
  ['GET', '/user/sessions'],
  ['DELETE', '/user/auth/revoke'],
)
const pathNames = fc.oneof(
  anyText,
  nearMissNames,
  fc.constantFrom(...hostileTexts, 'ADA', 'Ada', 'ada ', 'ada%', 'ad_', '*', 'a*'),
)

test('a path matches only the exact username, and does not reveal existing users to a manager', async () => {
  await using api = await createTestApi()
  const owner = await api.logInAs('owner')
  const manager = await api.logInAs('manager')
  await api.logInAs('viewer', 'ada')
  const users = api.context.users.list()
  const authorizedBy = ({ token }: { token: string }) => ({ headers: { authorization: `Bearer ${token}` } })

  await checkProperty('usernames: in a path', fc.tuple(userRoutes, pathNames), async ([[method, path], name]) => {
    fc.pre(!users.some(({ username }) => username === name))
    const target = `${path}/${encodeURIComponent(name)}`
    const isEmptySegment = ['', '.', '..'].includes(name)
    expect(errorIdIn(await sendRequest(api, method, target, authorizedBy(owner)))).toBe(isEmptySegment ? 404 : 903)
    const managerResponse = await sendRequest(api, method, target, authorizedBy(manager))
    if (!isEmptySegment)
      expect(managerResponse).toEqual(await sendRequest(api, method, `${path}/ada`, authorizedBy(manager)))
    expect(api.context.users.list()).toEqual(users)
  })
  for (const { token } of [owner, manager]) expect((await api.call('GET', '/droplet/list', { token })).status).toBe(200)
})
