import { expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Group } from '../../src/core/groups.ts'
import { TEST_ACTOR } from '../testkit/actor.ts'
import { createTestApi, type TestApi } from '../testkit/api/test-api.ts'
import { codeAt } from '../testkit/auth/totp.ts'
import { checkProperty } from '../testkit/properties/check-property.ts'
import { createSessionModel, type ModelUser, type TokenPair } from '../testkit/properties/session-model.ts'

const SECOND = 1_000
const HOUR = 3_600 * SECOND
const DAY = 24 * HOUR

/** An issued token by its age (0 is the newest), or an invalid one. */
type ShownToken = { kind: 'access' | 'refresh'; age: number } | { kind: 'garbage'; token: string }

type Step =
  | { action: 'logIn' | 'newSecret' | 'delete' | 'handOver'; userIndex: number }
  /** Logs in repeatedly, each time with a new code. */
  | { action: 'logInOften'; userIndex: number; times: number }
  | { action: 'refresh'; shownToken: ShownToken }
  /** Refreshes the newest session over weeks. */
  | { action: 'refreshOften'; times: number }
  | { action: 'revoke'; shownToken: ShownToken; userIndex: number }
  | { action: 'pass' | 'setClock'; ms: number }
  | { action: 'restart' }

const userIndex = fc.nat(2)
const tokenAge = fc.oneof({ arbitrary: fc.constant(0), weight: 3 }, fc.nat(12))
const shownToken: fc.Arbitrary<ShownToken> = fc.oneof(
  { arbitrary: fc.record({ kind: fc.constant<'access'>('access'), age: tokenAge }), weight: 5 },
  { arbitrary: fc.record({ kind: fc.constant<'refresh'>('refresh'), age: tokenAge }), weight: 5 },
  {
    arbitrary: fc.record({
      kind: fc.constant<'garbage'>('garbage'),
      token: fc.oneof(
        fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 64, maxLength: 64 }),
        fc.base64String({ minLength: 1 }),
      ),
    }),
    weight: 1,
  },
)
const durations = fc.oneof(
  { arbitrary: fc.constantFrom(1, 29 * SECOND, 30 * SECOND, HOUR), weight: 2 },
  fc.constantFrom(2 * HOUR - 1, 2 * HOUR, DAY, 6 * DAY, 7 * DAY - 1, 7 * DAY, 30 * DAY),
)

const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: fc.record({ action: fc.constant<'logIn'>('logIn'), userIndex }), weight: 6 },
  { arbitrary: fc.record({ action: fc.constant<'refresh'>('refresh'), shownToken }), weight: 6 },
  { arbitrary: fc.record({ action: fc.constant<'pass'>('pass'), ms: durations }), weight: 5 },
  { arbitrary: fc.record({ action: fc.constant<'revoke'>('revoke'), shownToken, userIndex }), weight: 2 },
  {
    arbitrary: fc.record({
      action: fc.constantFrom<('newSecret' | 'delete' | 'handOver')[]>('newSecret', 'delete', 'handOver'),
      userIndex,
    }),
    weight: 1,
  },
  { arbitrary: fc.record({ action: fc.constant<'setClock'>('setClock'), ms: durations.map(ms => -ms) }), weight: 1 },
  { arbitrary: fc.record({ action: fc.constant<'restart'>('restart') }), weight: 1 },
  {
    arbitrary: fc.record({
      action: fc.constant<'logInOften'>('logInOften'),
      userIndex,
      times: fc.integer({ min: 1, max: 12 }),
    }),
    weight: 1,
  },
  {
    arbitrary: fc.record({
      action: fc.constant<'refreshOften'>('refreshOften'),
      times: fc.integer({ min: 1, max: 6 }),
    }),
    weight: 1,
  },
)

const TOKENS_COMPARED = 14

const names = ['owner', 'manager', 'viewer'] as const satisfies Group[]

test('sessions behave like the model after every step', async () => {
  await checkProperty(
    'sessions: match the model',
    fc.array(step, { minLength: 1, maxLength: 30, size: 'max' }),
    async steps => {
      await using api = await createTestApi()
      const run = await createRunner(api)
      for (const step of steps) await run(step)
    },
  )
})

/** Performs steps on the API and on the model, and compares both after each. */
async function createRunner(api: TestApi) {
  const model = createSessionModel()
  const users: ModelUser[] = []
  const issuedTokens: TokenPair[] = []
  for (const username of names) {
    const { secret } = await api.createUser(username, username)
    users.push({ username, secret, group: username, lastStep: -1 })
  }
  model.setTime(api.clock.now(), 0)

  function userAt(index: number): ModelUser {
    const user = users[index]
    if (!user) throw new Error(`no user ${index}`)
    return user
  }
  const tokenOf = (shownToken: ShownToken) =>
    shownToken.kind === 'garbage'
      ? shownToken.token
      : (issuedTokens.at(-1 - shownToken.age)?.[shownToken.kind] ?? 'no token was issued')

  async function statusOf(method: string, path: string, options: { token?: string; json?: unknown }) {
    const { status, body } = await api.call(method, path, options)
    const fields = body as { errorId?: number; access_token?: string; refresh_token?: string }
    return {
      id: status === 200 ? 200 : fields.errorId,
      access: fields.access_token ?? '',
      refresh: fields.refresh_token ?? '',
    }
  }

  function advance(ms: number): void {
    api.clock.advance(ms)
    model.setTime(api.clock.now(), ms)
  }

  async function logIn(user: ModelUser): Promise<void> {
    const now = api.clock.now()
    const json = { username: user.username, code: codeAt(user.secret, now) }
    const { id, ...pair } = await statusOf('POST', '/user/auth', { json })
    const isAllowed = model.canLogIn(user, now)
    expect(id).toBe(isAllowed ? 200 : 902)
    // Locks are not part of this model.
    if (!isAllowed) return await api.clearFailures()
    model.logIn(user, now, pair)
    issuedTokens.push(pair)
  }

  async function refresh(token: string): Promise<void> {
    const json = { grant_type: 'refresh_token', refresh_token: token }
    const { id, ...pair } = await statusOf('POST', '/user/auth/refresh', { json })
    const isAllowed = model.canRefresh(token)
    expect(id).toBe(isAllowed ? 200 : 910)
    if (!isAllowed) {
      model.rejectRefresh(token)
      return await api.clearFailures()
    }
    model.refresh(token, pair)
    issuedTokens.push(pair)
  }

  async function recreateUser(user: ModelUser, method: 'newSecret' | 'delete'): Promise<void> {
    if (method === 'delete' && user.group !== 'owner') await api.context.users.remove(TEST_ACTOR, user.username)
    const { secret } = await api.context.users.provision(TEST_ACTOR, user.username, user.group, true)
    model.removeAllOf(user)
    Object.assign(user, { secret: secret.reveal(), lastStep: -1 })
  }

  async function perform(step: Step): Promise<void> {
    switch (step.action) {
      case 'logIn':
        return await logIn(userAt(step.userIndex))
      case 'refresh':
        return await refresh(tokenOf(step.shownToken))
      case 'revoke': {
        const token = tokenOf(step.shownToken)
        const target = userAt(step.userIndex)
        const { id } = await statusOf('DELETE', `/user/auth/revoke/${target.username}`, { token })
        expect(id).toBe(model.revokeStatus(token, target))
        return
      }
      case 'handOver': {
        await api.context.users.handOver(TEST_ACTOR, userAt(step.userIndex).username)
        for (const user of users) if (user.group === 'owner') user.group = 'manager'
        userAt(step.userIndex).group = 'owner'
        return
      }
      case 'newSecret':
      case 'delete':
        return await recreateUser(userAt(step.userIndex), step.action)
      case 'logInOften':
        for (let time = 0; time < step.times; time++) {
          advance(30 * SECOND)
          await logIn(userAt(step.userIndex))
        }
        return
      case 'refreshOften':
        for (let time = 0; time < step.times; time++) {
          advance(6 * DAY)
          await refresh(tokenOf({ kind: 'refresh', age: 0 }))
        }
        return
      case 'pass':
        return advance(step.ms)
      case 'setClock':
        api.clock.adjust(step.ms)
        return model.setTime(api.clock.now(), 0)
      case 'restart':
        // `serve` does the same before it stops.
        await api.context.runMaintenance()
        model.removeExpired()
        return await api.restart()
    }
  }

  return async (step: Step): Promise<void> => {
    await perform(step)
    await compareTokens()
    compareLists()
  }

  /** Compares the results of `GET /user/list` for the newest tokens. */
  async function compareTokens(): Promise<void> {
    const tokens = [
      ...issuedTokens.slice(-TOKENS_COMPARED).map(({ access }) => access),
      tokenOf({ kind: 'refresh', age: 0 }),
    ]
    const ids: unknown[] = []
    for (const token of tokens) ids.push((await statusOf('GET', '/user/list', { token })).id)
    expect(ids).toEqual(tokens.map(token => model.listUsersStatus(token)))
  }

  function compareLists(): void {
    const caller = { id: '', username: 'nobody', group: 'owner', createdAt: 0 } as const
    for (const user of users) {
      const listed = api.context.auth.listSessions(caller, user.username).map(({ createdAt }) => createdAt)
      expect(listed).toEqual(model.activeSince(user))
    }
  }
}
