import { expect, test } from 'bun:test'
import { ApiError } from '../../src/core/errors.ts'
import { createTestApi, type TestApi } from '../testkit/api/test-api.ts'
import { formatRecord, readAudit, runAudited } from '../testkit/audit/audit.ts'
import { createMemoryEngine } from '../testkit/droplets/memory-engine.ts'

/** Records since the owner's login. */
async function recordsSinceLogin(api: TestApi, token: string) {
  const records = (await readAudit(api, token, '?limit=1000')).map(formatRecord)
  return records.slice(records.indexOf('owner user.auth owner ok') + 1)
}

test('records logins, logouts and ended sessions', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  const ada = await api.createUser('ada', 'viewer')
  const tokens = await api.logIn(ada)
  const json = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token }
  const { body } = await api.call('POST', '/user/auth/refresh', { json })
  const [session] = api.context.auth.listSessions({ id: '', createdAt: 0, username: 'owner', group: 'owner' }, 'ada')
  await api.call('DELETE', `/user/session/${session?.id}`, { token: (body as typeof tokens).access_token })
  await api.call('DELETE', '/user/auth/revoke/ada', { token })
  expect(await recordsSinceLogin(api, token)).toEqual([
    'tester test ada ok',
    'ada user.auth ada ok',
    `ada user.session ${session?.id} ok`,
    'owner user.auth.revoke ada ok',
  ])
})

test('records changes of users', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  await api.call('POST', '/user/add', { token, json: { username: 'ada', group: 'viewer' } })
  await api.call('GET', '/user/auth/setup/ada', { token })
  await api.call('PATCH', '/user/unlock/ada', { token })
  await api.call('DELETE', '/user/delete/ada', { token })
  expect(await recordsSinceLogin(api, token)).toEqual([
    'owner user.add ada ok',
    'owner user.auth.setup ada ok',
    'owner user.unlock ada ok',
    'owner user.delete ada ok',
  ])
})

test('records each change of a droplet with its result', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  await api.call('POST', '/droplet/add', { token })
  for (const change of ['stop', 'start', 'restart']) await api.call('PATCH', `/droplet/${change}/cikit01`, { token })
  await api.call('DELETE', '/droplet/delete/cikit01', { token })
  await api.call('PATCH', '/droplet/stop/cikit01', { token })
  expect(await recordsSinceLogin(api, token)).toEqual([
    'owner droplet.add cikit01 ok',
    'owner droplet.stop cikit01 ok',
    'owner droplet.start cikit01 ok',
    'owner droplet.restart cikit01 ok',
    'owner droplet.delete cikit01 ok',
    'owner droplet.stop cikit01 refused 900',
  ])
})

test('a failure of the engine is one record with the error', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  await api.call('POST', '/droplet/add', { token })
  api.memoryEngine.failNext('stop', new ApiError('engineUnavailable'))
  expect((await api.call('PATCH', '/droplet/stop/cikit01', { token })).status).toBe(503)
  expect((await recordsSinceLogin(api, token)).slice(1)).toEqual(['owner droplet.stop cikit01 failed 918'])
})

test('a change rejected by the engine is one record and no denial', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  await api.call('POST', '/droplet/add', { token })
  api.memoryEngine.failNext('stop', new ApiError('engineRefused'))
  expect((await api.call('PATCH', '/droplet/stop/cikit01', { token })).status).toBe(400)
  expect((await recordsSinceLogin(api, token)).slice(1)).toEqual(['owner droplet.stop cikit01 refused 900'])
})

test('an internal error is recorded as failed', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  api.memoryEngine.failNext('list', new Error('unexpected'))
  expect((await api.call('PATCH', '/droplet/stop/cikit01', { token })).status).toBe(500)
  expect(await recordsSinceLogin(api, token)).toEqual([])
})

test('a failed change has no record of success', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  await api.call('POST', '/user/add', { token, json: { username: 'OWNER', group: 'viewer' } })
  await api.call('DELETE', '/user/delete/owner', { token })
  await api.call('DELETE', '/user/auth/revoke/nobody', { token })
  expect(await recordsSinceLogin(api, token)).toEqual([
    'owner user.add OWNER refused 914',
    'owner user.delete owner refused 916',
    'owner user.auth.revoke nobody refused 903',
  ])
})

test('records denials of users', async () => {
  await using api = await createTestApi()
  const { token: viewer } = await api.logInAs('viewer')
  const { token } = await api.logInAs('owner')
  await api.call('POST', '/droplet/add', { token: viewer })
  await api.call('DELETE', '/droplet/delete/cikit01', { token: viewer })
  await api.call('DELETE', '/droplet/delete/cikit02', { token: viewer })
  await api.call('GET', '/audit/list', { token: viewer })
  expect(await recordsSinceLogin(api, token)).toEqual([
    'viewer droplet.add - refused 912',
    'viewer droplet.delete * refused 912 x2',
    'viewer audit.list - refused 912',
  ])
})

test('records the session ended by a reused refresh token', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  const ada = await api.createUser('ada', 'viewer')
  const { refresh_token } = await api.logIn(ada)
  const json = { grant_type: 'refresh_token', refresh_token }
  await api.call('POST', '/user/auth/refresh', { json })
  await api.call('POST', '/user/auth/refresh', { json })
  const records = await readAudit(api, token, '?action=user.auth.refresh&user=ada')
  expect(records.map(({ result, error_id }) => [result, error_id])).toEqual([['refused', 910]])
})

test('a restart records unfinished work as interrupted', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  // As left by a killed process.
  const { audit, db } = api.context
  await db.write(() => audit.recordStart({ user: 'ada', address: '192.0.2.7', action: 'droplet.stop' }, 'cikit01'))
  await api.restart()
  await api.context.audit.recordInterrupted()
  await api.context.audit.recordInterrupted()
  expect(await recordsSinceLogin(api, token)).toEqual(['ada droplet.stop cikit01 interrupted'])
})

test('an interrupted change is recorded, and so is its result after the restart', async () => {
  const memory = createMemoryEngine(Date.now)
  const stopReached = Promise.withResolvers<void>()
  // The call of the killed process is never answered.
  const stopCalls = [
    () => {
      stopReached.resolve()
      return new Promise<never>(() => undefined)
    },
  ]
  await using api = await createTestApi({
    engine: { ...memory.engine, stop: id => (stopCalls.shift() ?? (() => memory.engine.stop(id)))() },
  })
  const { token } = await api.logInAs('owner')
  await api.call('POST', '/droplet/add', { token })
  const headers = { prefer: 'respond-async' }
  await api.call('PATCH', '/droplet/stop/cikit01', { token, headers })
  await stopReached.promise
  await api.restart()
  await api.context.audit.recordInterrupted()
  await api.context.droplets.resume()
  await api.context.droplets.idle()
  expect((await recordsSinceLogin(api, token)).slice(1)).toEqual([
    'owner droplet.stop cikit01 interrupted',
    'owner droplet.stop cikit01 ok',
  ])
})

test('hostile names are escaped and truncated', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  const names = ['a\r\nb\u001b[31m\u202e"', 'x '.repeat(5_000)]
  for (const name of names) await api.call('PATCH', `/user/unlock/${encodeURIComponent(name)}`, { token })
  await api.call('DELETE', `/user/auth/revoke/${encodeURIComponent(names[0] ?? '')}`, { token })
  const targets = (await readAudit(api, token, '?action=user')).map(({ target }) => target)
  expect(targets).toContain('a\\r\\nb\\u001b[31m\\u202e\\"')
  await api.call('DELETE', `/user/delete/${encodeURIComponent(names[1] ?? '')}`, { token })
  expect((await readAudit(api, token, '?action=user.delete')).at(-1)?.target).toBe('x '.repeat(50))
})

test('every text of a record is escaped', async () => {
  await using api = await createTestApi()
  const { audit, db } = api.context
  const actor = { user: 'a\nb', address: 'c\u001bd', action: 'test' }
  const sanitized = { user: 'a\\nb', address: 'c\\u001bd', target: 'e\\rf' }
  await db.write(() => audit.record(actor, 'e\rf'))
  expect(await audit.list({ limit: 1 })).toMatchObject([sanitized])
  await runAudited({ audit, db }, actor, 'e\rf', async () => {})
  expect(await audit.list({ limit: 1 })).toMatchObject([sanitized])
})

test('records contain no code, token or secret that was sent in another field', async () => {
  await using api = await createTestApi()
  const owner = await api.logInAs('owner')
  const { refresh_token } = await api.logIn(await api.createUser('ada', 'viewer'))
  await api.call('DELETE', `/user/session/${refresh_token}`, { token: owner.token })
  await api.call('POST', '/user/auth', { json: { username: refresh_token, code: '123456' } })
  const recordsText = JSON.stringify(await readAudit(api, owner.token))
  expect(recordsText).toContain('[token]')
  for (const secret of [refresh_token, owner.token, owner.secret]) expect(recordsText).not.toContain(secret)
})
