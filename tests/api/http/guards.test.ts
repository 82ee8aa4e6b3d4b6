import { expect, test } from 'bun:test'
import { Elysia } from 'elysia'
import { createErrorHandler } from '../../../src/api/http/error-handler.ts'
import { createGuard } from '../../../src/api/http/guards.ts'
import { createRequestContext } from '../../../src/api/http/request-context.ts'
import { createTestApi, type TestApi } from '../../testkit/api/test-api.ts'

/** An app with guarded and unguarded routes, mounted as our features mount theirs. */
function createAppWithUnguardedRoutes({ context }: TestApi) {
  const reached: string[] = []
  const guard = createGuard(context.auth)
  const handler = (name: string) => () => {
    reached.push(name)
    return { name }
  }
  const routes = new Elysia({ name: 'test-routes', prefix: '/things' })
    .use(guard)
    .get('/guarded', handler('guarded'), { group: 'viewer' })
    .get('/open', handler('open'), { open: true })
    .get('/unguarded', handler('unguarded'))
    .post('/unguarded/:thing', handler('unguarded'))
  const app = new Elysia()
    .use(createRequestContext(context.log, context.config.listen))
    .use(createErrorHandler(context.log, context.audit))
    .use(guard)
    .group('/api', api => api.use(routes))
    .get('/beside', handler('beside'))
  return { app, reached }
}

test.each([
  ['GET', '/api/things/unguarded'],
  ['POST', '/api/things/unguarded/x'],
  ['GET', '/beside'],
])('a route without a guard rejects everyone, even the owner: %s %s', async (method, path) => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  const { app, reached } = createAppWithUnguardedRoutes(api)
  const credentials: Record<string, string>[] = [{}, { authorization: `Bearer ${token}` }]
  for (const headers of credentials) {
    const response = await app.handle(new Request(`http://localhost${path}`, { method, headers }))
    expect(response.status).toBe(500)
    expect(await response.json()).toEqual({ error: 'Internal server error', errorId: 0 })
  }
  expect(reached).toEqual([])
  expect(api.logLines.filter(line => line.includes('A route without a guard was called'))).toHaveLength(2)
})

test('a guarded route serves its group, and an open route everyone', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('viewer')
  const { app, reached } = createAppWithUnguardedRoutes(api)
  const get = async (path: string, headers: Record<string, string>) =>
    (await app.handle(new Request(`http://localhost/api/things${path}`, { headers }))).status
  expect(await get('/guarded', {})).toBe(401)
  expect(await get('/guarded', { authorization: `Bearer ${token}` })).toBe(200)
  expect(await get('/open', {})).toBe(200)
  expect(reached).toEqual(['guarded', 'open'])
})
