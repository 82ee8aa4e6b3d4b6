import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type CallOptions, createTestApi, type TestApi } from '../../testkit/api/test-api.ts'

type Caller = 'anonymous' | 'viewer' | 'manager' | 'owner'

const callers: Caller[] = ['anonymous', 'viewer', 'manager', 'owner']
const anyone = callers
const viewers: Caller[] = ['viewer', 'manager', 'owner']
const managers: Caller[] = ['manager', 'owner']
const owners: Caller[] = ['owner']

/** Access to each route. The first test fails for a missing or an unknown route. */
const allowedCallers: Record<string, Caller[]> = {
  'POST /user/auth/': anyone,
  'POST /user/auth/refresh': anyone,
  'POST /user/auth/recover': anyone,
  'POST /user/auth/enrol': anyone,
  'POST /user/auth/confirm': anyone,
  'POST /user/enrol/:user': owners,
  // For other users; tests/auth/revoke.test.ts covers users' own sessions.
  'DELETE /user/auth/revoke/:user': owners,
  'GET /user/auth/setup/:user': owners,
  // For other users; tests/auth/sessions.test.ts covers users' own sessions.
  'GET /user/sessions/:user': owners,
  'DELETE /user/session/:id': viewers,
  'GET /user/me': viewers,
  'POST /user/recovery-codes': viewers,
  'GET /user/ssh-keys': viewers,
  'POST /user/ssh-keys': viewers,
  'DELETE /user/ssh-key/:key': viewers,
  'GET /user/list': owners,
  'POST /user/add': owners,
  'PATCH /user/group/:user': owners,
  'PATCH /user/unlock/:user': owners,
  'DELETE /user/delete/:user': owners,
  'GET /audit/list': owners,
  'GET /event/stream': viewers,
  'GET /droplet/list': viewers,
  'GET /droplet/stats': viewers,
  'GET /droplet/stats/:droplet': viewers,
  'GET /droplet/logs/:droplet': viewers,
  'POST /droplet/exec/:droplet': managers,
  'POST /droplet/ticket/:droplet': managers,
  'POST /droplet/add': managers,
  'PATCH /droplet/start/:droplet': managers,
  'PATCH /droplet/stop/:droplet': managers,
  'PATCH /droplet/restart/:droplet': managers,
  'DELETE /droplet/delete/:droplet': managers,
  'GET /operation/list': managers,
  'GET /operation/show/:operation': managers,
  'DELETE /operation/cancel/:operation': managers,
}

/** Routes with public content: tests/web, tests/monitoring/health. */
const publicRoutes = [
  // Needs a ticket, which only managers get: tests/droplets/exec.
  'GET /droplet/exec/:droplet',
  ...['GET /', 'GET /app/:file', 'GET /enrol', 'GET /enrol/page.css', 'GET /enrol/page.js', 'GET /health'],
  ...['GET /openapi.json', 'GET /docs', 'GET /docs/page.css', 'GET /docs/page.js'],
]

const forbidden = { status: 403, body: { errorId: 912 } }
/** Open to every user for their own sessions; a malformed body is reported first. */
const revokeForbidden = { status: 401, body: { errorId: 904 } }
const malformed = { status: 400, body: { errorId: 917 } }

function expectedRejection(route: string, caller: Caller, body: string) {
  if (caller === 'anonymous') return { status: 401, body: { errorId: 908 } }
  if (!route.includes('/revoke/')) return forbidden
  return body === 'a malformed body' ? malformed : revokeForbidden
}

const bodies: [string, CallOptions][] = [
  ['no body', {}],
  ['a JSON body', { json: { username: 'new', group: 'viewer' } }],
  ['a form', { body: 'username=new&group=viewer', headers: { 'content-type': 'application/x-www-form-urlencoded' } }],
  ['a malformed body', { body: '{', headers: { 'content-type': 'application/json' } }],
  ['an empty token', { json: { access_token: '' } }],
]

const cases = Object.keys(allowedCallers).flatMap(route => {
  const applicableBodies = route.startsWith('GET ') ? bodies.slice(0, 1) : bodies
  return callers.flatMap(caller => applicableBodies.map(([name, options]) => ({ route, caller, name, options })))
})

let api: TestApi
const tokens: Partial<Record<Caller, string>> = {}

beforeAll(async () => {
  api = await createTestApi()
  for (const group of ['viewer', 'manager', 'owner'] as const) tokens[group] = (await api.logInAs(group)).token
})

afterAll(async () => await api[Symbol.asyncDispose]())

test('covers every route of the app', () => {
  const routes = api.app.routes.map(({ method, path }) => `${method} ${path.replace('/api/v1', '')}`)
  expect(routes.toSorted()).toEqual([...Object.keys(allowedCallers), ...publicRoutes].toSorted())
})

describe.each(callers)('as %s', caller => {
  test.each(cases.filter(row => row.caller === caller))('$route with $name', async ({ route, name, options }) => {
    const [method = '', template = ''] = route.split(' ')
    const path = template.replace(':user', 'somebody').replace(':droplet', 'cikit01')
    const token = tokens[caller]
    const usersBefore = api.context.users.list()
    const callsBefore = api.memoryEngine.calls.length
    const response = await api.call(method, path, { ...options, ...(token && { token }) })

    if (allowedCallers[route]?.includes(caller)) {
      expect([200, 400, 404]).toContain(response.status)
      return
    }
    expect(response).toMatchObject(expectedRejection(route, caller, name))
    expect(response.body).toEqual({ error: expect.any(String), errorId: expect.any(Number) })
    expect(api.context.users.list()).toEqual(usersBefore)
    expect(api.memoryEngine.calls).toHaveLength(callsBefore)
  })
})
