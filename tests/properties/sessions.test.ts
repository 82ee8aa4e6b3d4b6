import { expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Group } from '../../src/store/users.ts'
import { ACT } from '../_support/act.ts'
import { createTestApi, type TestApi } from '../_support/api.ts'
import { codeAt } from '../_support/codes.ts'
import { holds } from '../_support/properties.ts'
import { createSessionModel, type ModelUser, type Pair } from '../_support/session-model.ts'

const SECOND = 1_000
const HOUR = 3_600 * SECOND
const DAY = 24 * HOUR

/** A token that was handed out, by its age (0 is the newest), or one that never was. */
type Shown = { kind: 'access' | 'refresh'; age: number } | { kind: 'garbage'; token: string }

type Step =
  | { does: 'logIn' | 'newSecret' | 'delete' | 'handOver'; who: number }
  /** Logs in again and again, with a code of its own each time. */
  | { does: 'logInOften'; who: number; times: number }
  | { does: 'refresh'; shown: Shown }
  /** Goes on with the newest session for weeks. */
  | { does: 'stayOn'; times: number }
  | { does: 'revoke'; shown: Shown; who: number }
  | { does: 'pass' | 'setClock'; by: number }
  | { does: 'restart' }

const who = fc.nat(2)
const age = fc.oneof({ arbitrary: fc.constant(0), weight: 3 }, fc.nat(12))
const shown: fc.Arbitrary<Shown> = fc.oneof(
  { arbitrary: fc.record({ kind: fc.constant<'access'>('access'), age }), weight: 5 },
  { arbitrary: fc.record({ kind: fc.constant<'refresh'>('refresh'), age }), weight: 5 },
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
const aWhile = fc.oneof(
  { arbitrary: fc.constantFrom(1, 29 * SECOND, 30 * SECOND, HOUR), weight: 2 },
  fc.constantFrom(2 * HOUR - 1, 2 * HOUR, DAY, 6 * DAY, 7 * DAY - 1, 7 * DAY, 30 * DAY),
)

const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: fc.record({ does: fc.constant<'logIn'>('logIn'), who }), weight: 6 },
  { arbitrary: fc.record({ does: fc.constant<'refresh'>('refresh'), shown }), weight: 6 },
  { arbitrary: fc.record({ does: fc.constant<'pass'>('pass'), by: aWhile }), weight: 5 },
  { arbitrary: fc.record({ does: fc.constant<'revoke'>('revoke'), shown, who }), weight: 2 },
  {
    arbitrary: fc.record({
      does: fc.constantFrom<('newSecret' | 'delete' | 'handOver')[]>('newSecret', 'delete', 'handOver'),
      who,
    }),
    weight: 1,
  },
  { arbitrary: fc.record({ does: fc.constant<'setClock'>('setClock'), by: aWhile.map(by => -by) }), weight: 1 },
  { arbitrary: fc.record({ does: fc.constant<'restart'>('restart') }), weight: 1 },
  {
    arbitrary: fc.record({
      does: fc.constant<'logInOften'>('logInOften'),
      who,
      times: fc.integer({ min: 1, max: 12 }),
    }),
    weight: 1,
  },
  { arbitrary: fc.record({ does: fc.constant<'stayOn'>('stayOn'), times: fc.integer({ min: 1, max: 6 }) }), weight: 1 },
)

const TOKENS_COMPARED = 14

const names = ['owner', 'manager', 'viewer'] as const satisfies Group[]

test('sessions are, step by step, as a model of a few lines says', async () => {
  await holds('sessions: like the model', fc.array(step, { minLength: 1, maxLength: 30, size: 'max' }), async steps => {
    await using api = await createTestApi()
    const run = await createRun(api)
    for (const step of steps) await run(step)
  })
})

/** The API and the model beside it, which both take one step after another. */
async function createRun(api: TestApi) {
  const model = createSessionModel()
  const users: ModelUser[] = []
  const handedOut: Pair[] = []
  for (const username of names) {
    const { secret } = await api.createUser(username, username)
    users.push({ username, secret, group: username, lastStep: -1 })
  }
  model.timeIs(api.clock.now(), 0)

  function userAt(index: number): ModelUser {
    const user = users[index]
    if (!user) throw new Error(`no user ${index}`)
    return user
  }
  const tokenOf = (shown: Shown) =>
    shown.kind === 'garbage' ? shown.token : (handedOut.at(-1 - shown.age)?.[shown.kind] ?? 'none was handed out')

  async function idOf(method: string, path: string, options: { token?: string; json?: unknown }) {
    const { status, body } = await api.call(method, path, options)
    const answer = body as { errorId?: number; access_token?: string; refresh_token?: string }
    return {
      id: status === 200 ? 200 : answer.errorId,
      access: answer.access_token ?? '',
      refresh: answer.refresh_token ?? '',
    }
  }

  function pass(by: number): void {
    api.clock.move(by)
    model.timeIs(api.clock.now(), by)
  }

  async function logIn(user: ModelUser): Promise<void> {
    const now = api.clock.now()
    const json = { username: user.username, code: codeAt(user.secret, now) }
    const { id, ...pair } = await idOf('POST', '/user/auth', { json })
    const may = model.mayLogIn(user, now)
    expect(id).toBe(may ? 200 : 902)
    // Locks are another matter.
    if (!may) return await api.forgetFailures()
    model.logIn(user, now, pair)
    handedOut.push(pair)
  }

  async function refresh(token: string): Promise<void> {
    const json = { grant_type: 'refresh_token', refresh_token: token }
    const { id, ...pair } = await idOf('POST', '/user/auth/refresh', { json })
    const may = model.mayRefresh(token)
    expect(id).toBe(may ? 200 : 910)
    if (!may) {
      model.refuseRefresh(token)
      return await api.forgetFailures()
    }
    model.refresh(token, pair)
    handedOut.push(pair)
  }

  async function makeAnew(user: ModelUser, way: 'newSecret' | 'delete'): Promise<void> {
    if (way === 'delete' && user.group !== 'owner') await api.context.users.remove(ACT, user.username)
    const { secret } = await api.context.users.provision(ACT, user.username, user.group, true)
    model.removeAllOf(user)
    Object.assign(user, { secret: secret.reveal(), lastStep: -1 })
  }

  async function take(step: Step): Promise<void> {
    switch (step.does) {
      case 'logIn':
        return await logIn(userAt(step.who))
      case 'refresh':
        return await refresh(tokenOf(step.shown))
      case 'revoke': {
        const token = tokenOf(step.shown)
        const target = userAt(step.who)
        const { id } = await idOf('DELETE', `/user/auth/revoke/${target.username}`, { token })
        expect(id).toBe(model.revoke(token, target))
        return
      }
      case 'handOver': {
        await api.context.users.handOver(ACT, userAt(step.who).username)
        for (const user of users) if (user.group === 'owner') user.group = 'manager'
        userAt(step.who).group = 'owner'
        return
      }
      case 'newSecret':
      case 'delete':
        return await makeAnew(userAt(step.who), step.does)
      case 'logInOften':
        for (let time = 0; time < step.times; time++) {
          pass(30 * SECOND)
          await logIn(userAt(step.who))
        }
        return
      case 'stayOn':
        for (let time = 0; time < step.times; time++) {
          pass(6 * DAY)
          await refresh(tokenOf({ kind: 'refresh', age: 0 }))
        }
        return
      case 'pass':
        return pass(step.by)
      case 'setClock':
        api.clock.set(step.by)
        return model.timeIs(api.clock.now(), 0)
      case 'restart':
        // As `serve` does before it ends.
        await api.context.keepHouse()
        model.keepHouse()
        return await api.restart()
    }
  }

  return async (step: Step): Promise<void> => {
    await take(step)
    await compareTokens()
    compareLists()
  }

  /** What each of the newest tokens opens: the owner's list, nothing of it, or no door at all. */
  async function compareTokens(): Promise<void> {
    const tokens = [
      ...handedOut.slice(-TOKENS_COMPARED).map(({ access }) => access),
      tokenOf({ kind: 'refresh', age: 0 }),
    ]
    const ids: unknown[] = []
    for (const token of tokens) ids.push((await idOf('GET', '/user/list', { token })).id)
    expect(ids).toEqual(tokens.map(token => model.list(token)))
  }

  function compareLists(): void {
    const caller = { id: '', username: 'nobody', group: 'owner', createdAt: 0 } as const
    for (const user of users) {
      const listed = api.context.auth.listSessions(caller, user.username).map(({ createdAt }) => createdAt)
      expect(listed).toEqual(model.live(user))
    }
  }
}
