import { describe, expect, test } from 'bun:test'
import { pollUntil } from '../../scripts/lib/run.ts'
import { ACCESS_TOKEN_SECONDS } from '../../src/auth/tokens.ts'
import { codeAt } from '../testkit/auth/totp.ts'
import { type CreatedUser, type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'
import { createSettableClock } from '../testkit/faults/settable-clock.ts'

// The host's clock is set back while a server runs, or between two runs.

const socket = '/nonexistent/docker.sock'
const STEP_SECONDS = 30

test('rejects used and older codes however the clock is set', async () => {
  using clock = createSettableClock()
  await using server = await startServerProcess({ socket, env: clock.env })
  const user = await server.createUser('viewer', 'viewer')
  const usedAt = clock.now()
  expect(await attemptLogin(server, user, usedAt)).toEqual({ status: 200 })
  clock.set(-STEP_SECONDS)
  expect(await attemptLogin(server, user, usedAt - STEP_SECONDS * 1_000)).toEqual(rejected)
  clock.set(0)
  expect(await attemptLogin(server, user, usedAt)).toEqual(rejected)
  // Two steps later, regardless of the time that has passed since.
  clock.set(2 * STEP_SECONDS)
  const laterTime = clock.now()
  expect(await attemptLogin(server, user, laterTime)).toEqual({ status: 200 })

  await server.stop('SIGKILL')
  clock.set(0)
  await using restarted = await startServerProcess({ socket, env: clock.env, dataDir: server.dataDir })
  expect(await attemptLogin(restarted, user, clock.now())).toEqual(rejected)
  clock.set(2 * STEP_SECONDS)
  expect(await attemptLogin(restarted, user, laterTime)).toEqual(rejected)
})

describe.concurrent('a token with 8 seconds left expires within a minute although the clock is set back by a day', () => {
  const nearExpirySeconds = ACCESS_TOKEN_SECONDS - 8
  const expiresInAMinute = (server: ServerProcess, token: string) =>
    pollUntil(60_000, async () => {
      const { body } = await server.call('GET', '/user/list', token)
      return (body as { errorId?: number }).errorId === 909
    })

  test('while the server runs', async () => {
    using clock = createSettableClock()
    await using server = await startServerProcess({ socket, env: clock.env })
    const token = await server.logInAs('owner')
    clock.set(nearExpirySeconds)
    expect((await server.call('GET', '/user/list', token)).status).toBe(200)
    clock.set(-86_400)
    expect(await expiresInAMinute(server, token)).toBe(true)
  })

  test.each(['SIGTERM', 'SIGKILL'] as const)('across a restart after %s', async signal => {
    using clock = createSettableClock()
    await using first = await startServerProcess({ socket, env: clock.env })
    const token = await first.logInAs('owner')
    expect(await first.stop()).toBe(0)
    const { dataDir } = first
    clock.set(nearExpirySeconds)
    await using second = await startServerProcess({ socket, env: clock.env, dataDir })
    // The server records the time before it handles requests.
    expect((await second.addUser(token, 'viewer')).status).toBe(200)
    await second.stop(signal)
    clock.set(-86_400)
    await using third = await startServerProcess({ socket, env: clock.env, dataDir })
    expect(await expiresInAMinute(third, token)).toBe(true)
  })
})

const rejected = { status: 400, errorId: 902 }

/** @param time milliseconds since 1970: the code of this moment is tried */
async function attemptLogin(
  server: ServerProcess,
  user: CreatedUser,
  time: number,
): Promise<{ status: number; errorId?: number }> {
  const attempt = { username: user.username, code: codeAt(user.secret, time) }
  const { status, body } = await server.call('POST', '/user/auth', undefined, attempt)
  const { errorId } = body as { errorId?: number }
  return { status, ...(errorId !== undefined && { errorId }) }
}
