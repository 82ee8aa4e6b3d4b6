import { describe, expect, test } from 'bun:test'
import { until } from '../../scripts/lib/run.ts'
import { ACCESS_SECONDS } from '../../src/auth/tokens.ts'
import { codeAt } from '../_support/codes.ts'
import { type Enrolment, type Matrix, startMatrix } from '../_support/e2e/matrix.ts'
import { createSettableClock } from '../_support/faults/settable-clock.ts'

// The host's clock is set back, under a process that runs or between two of them.

const socket = '/nonexistent/docker.sock'
const STEP_SECONDS = 30

test('a code that was used, or is older, is refused wherever the clock is set to', async () => {
  using clock = createSettableClock()
  await using matrix = await startMatrix({ socket, env: clock.env })
  const user = await matrix.createUser('viewer', 'viewer')
  const used = clock.now()
  expect(await tryCode(matrix, user, used)).toEqual({ status: 200 })
  clock.set(-STEP_SECONDS)
  expect(await tryCode(matrix, user, used - STEP_SECONDS * 1_000)).toEqual(refused)
  clock.set(0)
  expect(await tryCode(matrix, user, used)).toEqual(refused)
  // Two steps on, whatever part of one has passed meanwhile.
  clock.set(2 * STEP_SECONDS)
  const later = clock.now()
  expect(await tryCode(matrix, user, later)).toEqual({ status: 200 })

  await matrix.stop('SIGKILL')
  clock.set(0)
  await using again = await startMatrix({ socket, env: clock.env, dataDir: matrix.dataDir })
  expect(await tryCode(again, user, clock.now())).toEqual(refused)
  clock.set(2 * STEP_SECONDS)
  expect(await tryCode(again, user, later)).toEqual(refused)
})

describe('a token that has 8 seconds left when the clock is set back by a day lives no minute longer', () => {
  const almost = ACCESS_SECONDS - 8
  const expiresInAMinute = (matrix: Matrix, token: string) =>
    until(60_000, async () => {
      const { body } = await matrix.call('GET', '/user/list', token)
      return (body as { errorId?: number }).errorId === 909
    })

  test('under the process that runs', async () => {
    using clock = createSettableClock()
    await using matrix = await startMatrix({ socket, env: clock.env })
    const token = await matrix.signIn('owner')
    clock.set(almost)
    expect((await matrix.call('GET', '/user/list', token)).status).toBe(200)
    clock.set(-86_400)
    expect(await expiresInAMinute(matrix, token)).toBe(true)
  })

  test.each(['SIGTERM', 'SIGKILL'] as const)('after %s', async signal => {
    using clock = createSettableClock()
    await using first = await startMatrix({ socket, env: clock.env })
    const token = await first.signIn('owner')
    expect(await first.stop()).toBe(0)
    const { dataDir } = first
    clock.set(almost)
    await using second = await startMatrix({ socket, env: clock.env, dataDir })
    // It notes the time first of all, so that this comes after it.
    expect((await second.addUser(token, 'viewer')).status).toBe(200)
    await second.stop(signal)
    clock.set(-86_400)
    await using third = await startMatrix({ socket, env: clock.env, dataDir })
    expect(await expiresInAMinute(third, token)).toBe(true)
  })
})

const refused = { status: 400, errorId: 902 }

/** @param time the moment whose code is tried */
async function tryCode(matrix: Matrix, user: Enrolment, time: number): Promise<{ status: number; errorId?: number }> {
  const attempt = { username: user.username, code: codeAt(user.secret, time) }
  const { status, body } = await matrix.call('POST', '/user/auth', undefined, attempt)
  const { errorId } = body as { errorId?: number }
  return { status, ...(errorId !== undefined && { errorId }) }
}
