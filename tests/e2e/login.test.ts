import { afterAll, beforeAll, expect, test } from 'bun:test'
import { binary } from '../../scripts/lib/paths.ts'
import { run } from '../../scripts/lib/run.ts'
import { paintTerminal, scanPicture } from '../testkit/e2e/qr.ts'
import { type CreatedUser, currentCode, type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'

// From enrolment to revocation with the compiled binary, an independent authenticator and an independent QR reader.

let server: ServerProcess
let owner: CreatedUser
let tokens: { access_token: string; refresh_token: string }

beforeAll(async () => {
  server = await startServerProcess({ socket: '/nonexistent/docker.sock' })
  owner = await server.createUser('BR0kEN', 'owner')
})
afterAll(() => server[Symbol.asyncDispose]())

test('the QR code of --json contains the otpauth URL', async () => {
  const png = Buffer.from(owner.qr.replace('data:image/png;base64,', ''), 'base64')
  expect(await scanPicture(png, 'png')).toBe(owner.otpauth_url)
  expect(new URL(owner.otpauth_url).searchParams.get('secret')).toBe(owner.secret)
})

test('the QR code in the terminal can be scanned and contains the same secret', async () => {
  const output = await run([binary, 'create-user', '-u', 'BR0kEN', '-g', 'owner', '--data-dir', server.dataDir])
  expect(output).toContain(owner.secret)
  expect(output).toContain(owner.otpauth_url)
  expect(await scanPicture(paintTerminal(output), 'pgm')).toBe(owner.otpauth_url)
})

test('a code of an independent authenticator is valid for one login', async () => {
  const code = await currentCode(owner.secret)
  const first = await server.call('POST', '/user/auth', undefined, { username: 'BR0kEN', code })
  expect(first.status).toBe(200)
  tokens = first.body as typeof tokens
  const second = await server.call('POST', '/user/auth', undefined, { username: 'BR0kEN', code })
  expect(second).toMatchObject({ status: 400, body: { errorId: 902 } })
})

test('a manager and a viewer enrol with the secret from setup', async () => {
  for (const username of ['manager', 'viewer']) {
    const added = await server.call('POST', '/user/add', tokens.access_token, { username, group: username })
    expect(added.body).toContainEqual(expect.objectContaining({ username, group: username }))
    const setup = await server.call('GET', `/user/auth/setup/${username}`, tokens.access_token)
    const { qr, secret } = setup.body as CreatedUser
    const address = await scanPicture(Buffer.from(qr.split(',')[1] ?? '', 'base64'), 'png')
    expect(new URL(address).searchParams.get('secret')).toBe(secret)
    const { access_token } = await server.logIn({ ...owner, username, secret })
    expect((await server.call('GET', '/user/list', access_token)).body).toMatchObject({ errorId: 912 })
    // There is no engine: an authorized request fails with 918.
    expect((await server.call('GET', '/droplet/list', access_token)).body).toMatchObject({ errorId: 918 })
    expect((await server.call('POST', '/droplet/add', access_token)).body).toMatchObject({
      errorId: username === 'manager' ? 918 : 912,
    })
  }
})

test('a refresh issues a new token pair and invalidates the old one', async () => {
  const refresh = (token: string) =>
    server.call('POST', '/user/auth/refresh', undefined, { grant_type: 'refresh_token', refresh_token: token })
  const oldTokens = tokens
  const response = await refresh(oldTokens.refresh_token)
  expect(response.status).toBe(200)
  tokens = response.body as typeof tokens
  expect((await server.call('GET', '/user/list', tokens.access_token)).status).toBe(200)
  expect((await server.call('GET', '/user/list', oldTokens.access_token)).body).toMatchObject({ errorId: 908 })
})

test('revoking ends the session', async () => {
  const revoked = await server.call('DELETE', '/user/auth/revoke/BR0kEN', tokens.refresh_token)
  expect(revoked).toMatchObject({ status: 200, body: { status: 'ok' } })
  expect((await server.call('GET', '/user/list', tokens.access_token)).body).toMatchObject({ errorId: 908 })
})

test('the log contains no secret and no token', () => {
  const log = JSON.stringify(server.log)
  expect(log).toContain('/api/v1/user/auth/refresh')
  for (const credential of [owner.secret, tokens.access_token, tokens.refresh_token])
    expect(log).not.toContain(credential)
})
