import { expect, test } from 'bun:test'
import { createApp } from '../../../src/app.ts'
import { createTestApi, type TestApi } from '../../testkit/api/test-api.ts'
import { readAudit } from '../../testkit/audit/audit.ts'
import { codeAt } from '../../testkit/auth/totp.ts'
import { waitUntil } from '../../testkit/wait-until.ts'

type LogEntry = Record<string, unknown>

/** Entries are written after the response, so this waits for `count` of them. */
async function waitForRequestEntries(api: TestApi, count: number): Promise<LogEntry[]> {
  const entries = (): LogEntry[] =>
    api.logLines.map((line): LogEntry => JSON.parse(line)).filter(({ message }) => message === 'request')
  await waitUntil(() => entries().length >= count, { what: `${count} log entries of requests` })
  return entries()
}

test('logs every request with its id, user and result', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  const responses = [
    await api.call('GET', '/user/list?page=1', { token }),
    await api.call('GET', '/user/list'),
    await api.call('GET', '/nowhere'),
  ]
  const entries = (await waitForRequestEntries(api, 4)).slice(1)
  const line = (index: number, path: string, status: number) => ({
    time: '2026-01-02T03:04:05.000Z',
    level: 'info',
    message: 'request',
    requestId: responses[index]?.headers.get('x-request-id'),
    method: 'GET',
    path,
    status,
    ms: expect.any(Number),
    address: 'unknown',
  })
  expect(entries).toEqual([
    { ...line(0, '/api/v1/user/list', 200), user: 'owner' },
    line(1, '/api/v1/user/list', 401),
    line(2, '/api/v1/nowhere', 404),
  ])
})

test('a line feed in the path does not forge a log line', async () => {
  await using api = await createTestApi()
  await api.call('GET', '/nowhere%0a{"level":"error"}%0d')
  await waitForRequestEntries(api, 1)
  for (const line of api.logLines) expect(line).toMatch(/^[^\r\n]*\n$/)
})

test('never logs secrets, codes or tokens', async () => {
  await using api = await createTestApi()
  const owner = await api.createUser('owner', 'owner')
  const code = codeAt(owner.secret, api.clock.now())
  const first = await api.logIn(owner)
  const json = { grant_type: 'refresh_token', refresh_token: first.refresh_token }
  const second = (await api.call('POST', '/user/auth/refresh', { json })).body as typeof first
  const token = second.access_token

  await api.call('POST', '/user/auth', { json: { username: 'owner', code } })
  await api.call('POST', '/user/auth', { body: `{"code":"${code}"`, headers: { 'content-type': 'application/json' } })
  await api.call('GET', '/user/auth/setup/owner', { token })
  await api.call('GET', `/user/list?access_token=${token}`)
  await api.call('POST', '/droplet/add', { json: { access_token: token } })
  api.memoryEngine.failNext('list', new Error('unexpected'))
  await api.call('PATCH', '/droplet/stop/cikit01', { token })
  await api.call('DELETE', '/user/auth/revoke/owner', { token: second.refresh_token })
  await api.call('POST', '/user/auth/refresh', { json })
  await waitForRequestEntries(api, 10)

  const log = api.logLines.join('')
  expect(log).toContain('/api/v1/user/auth/setup/owner')
  expect(log).toContain('unexpected')
  const confidential = [owner.secret, first.access_token, first.refresh_token, token, second.refresh_token]
  for (const text of confidential) expect(log).not.toContain(text)
  expect(log).not.toMatch(new RegExp(`\\b${code}\\b`))
})

test('does not log a token in the path', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('viewer')
  await api.call('DELETE', `/user/auth/revoke/${token}`, { token })
  await api.call('GET', '/user/list')
  const log = (await waitForRequestEntries(api, 2)).map(entry => JSON.stringify(entry)).join('\n')
  expect(log).toContain('/user/auth/revoke/[token]')
  expect(log).not.toContain(token)
})

test('does not log a claimed username, which may be a code in the wrong field', async () => {
  await using api = await createTestApi()
  await api.call('POST', '/user/auth', { json: { username: '492751', code: '000000' } })
  const [entry] = await waitForRequestEntries(api, 1)
  expect(entry).toMatchObject({ path: '/api/v1/user/auth', status: 400 })
  expect(JSON.stringify(entry)).not.toContain('492751')
})

test('log and audit have the client address behind a trusted proxy', async () => {
  await using api = await createTestApi({}, { 'trusted-proxies': '127.0.0.1' })
  const { token } = await api.logInAs('owner')
  const app = createApp(api.context)
  using server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: app.fetch })
  app.server = server
  const headers = { authorization: `Bearer ${token}`, 'x-forwarded-for': '198.51.100.7' }
  await (await fetch(`${server.url}api/v1/user/unlock/owner`, { method: 'PATCH', headers })).text()
  await (await fetch(`${server.url}api/v1/user/delete/owner`, { method: 'DELETE', headers })).text()
  const entries = await waitForRequestEntries(api, 3)
  expect(entries.slice(-2).map(({ address }) => address)).toEqual(['198.51.100.7', '198.51.100.7'])
  const auditEntries = await readAudit(api, token, '?limit=2')
  expect(auditEntries.map(({ action, address }) => `${action} ${address}`)).toEqual([
    'user.unlock 198.51.100.7',
    'user.delete 198.51.100.7',
  ])
})
