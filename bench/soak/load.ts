import type { FakeDocker } from '../../tests/testkit/docker/fake-docker.ts'
import type { ServerProcess } from '../../tests/testkit/e2e/server-process.ts'
import { dropConnection, guessCode, openSilentConnection, sendInvalidRequest } from './anonymous-clients.ts'
import { cycleDroplets } from './droplet-cycle.ts'
import { pickRandom, sendRequest, type Target } from './request.ts'
import { endSession, enrolUser, listDroplets, logIn, refresh, revoke, type SoakUser } from './users.ts'

const WORKERS = 8
/** Each user can log in once in 30 s, so 96 users give about three logins a second. */
const USERS_PER_WORKER = 12
/** Between two requests of a worker, on average. Leaves the machine some idle time. */
const MEAN_PAUSE_MS = 15
const CLI_INTERVAL_MS = 5_000

interface SoakLoad {
  target: Target
  server: ServerProcess
  engine: FakeDocker
  /** The owner's access token. */
  ownerToken: string
}

/** Runs all kinds of load at once. @param endsAt in terms of `performance.now()` */
export async function runLoad(load: SoakLoad, endsAt: number): Promise<void> {
  const { target, server, engine, ownerToken } = load
  const repeat = async (work: () => Promise<unknown>, pauseMs: () => number) => {
    while (performance.now() < endsAt) {
      // A failed action is a problem to report; the load continues.
      await work().catch(error => target.tally.recordProblem(String(error)))
      await Bun.sleep(pauseMs())
    }
  }
  const workers = Array.from({ length: WORKERS }, async (_, number) => {
    const users = await enrolUsers(load, number)
    await repeat(
      () => pickRandom(actions)(load, pickRandom(users)),
      () => Math.random() * 2 * MEAN_PAUSE_MS,
    )
  })
  await Promise.all([
    ...workers,
    repeat(
      () => cycleDroplets(target, ownerToken, engine),
      () => 200,
    ),
    repeat(
      () => openSilentConnection(target),
      () => 0,
    ),
    repeat(
      () => runCommands(load, server),
      () => CLI_INTERVAL_MS,
    ),
  ])
}

async function enrolUsers({ target, ownerToken }: SoakLoad, worker: number): Promise<[SoakUser, ...SoakUser[]]> {
  const enrolNext = (number: number) =>
    enrolUser(target, ownerToken, `user${worker}.${number}`, `10.1.${worker}.${number}`)
  const users: [SoakUser, ...SoakUser[]] = [await enrolNext(0)]
  while (users.length < USERS_PER_WORKER) users.push(await enrolNext(users.length))
  return users
}

type Action = (load: SoakLoad, user: SoakUser) => Promise<unknown>

/** Actions of a user with their relative frequencies. */
const actions = expandWeights([
  [20, ({ target, ownerToken }) => listUsers(target, ownerToken)],
  [2, ({ target, ownerToken }) => listAudit(target, ownerToken)],
  [12, ({ target }, user) => listDroplets(target, user)],
  [10, ({ target }, user) => logIn(target, user)],
  [12, ({ target }, user) => refresh(target, user)],
  [1, ({ target }, user) => revoke(target, user)],
  [2, ({ target }, user) => endSession(target, user)],
  [3, ({ target, ownerToken }) => addAndDeleteUser(target, ownerToken)],
  [5, ({ target }, user) => guessCode(target, user)],
  [10, ({ target, ownerToken }) => sendInvalidRequest(target, ownerToken)],
  [5, ({ target, ownerToken }) => dropConnection(target, ownerToken)],
])

function expandWeights(weighted: [weight: number, action: Action][]): [Action, ...Action[]] {
  const [first, ...others] = weighted.flatMap(([weight, action]) => Array.from({ length: weight }, () => action))
  return [first ?? (async () => undefined), ...others]
}

async function listUsers(target: Target, ownerToken: string): Promise<void> {
  await sendRequest(target, {
    kind: 'user list',
    method: 'GET',
    path: '/user/list',
    token: ownerToken,
    expectedOutcomes: [200],
  })
}

async function listAudit(target: Target, ownerToken: string): Promise<void> {
  const query = pickRandom(['', '?action=user.auth', '?user=owner&limit=20'])
  const path = `/audit/list${query}`
  await sendRequest(target, { kind: 'audit list', method: 'GET', path, token: ownerToken, expectedOutcomes: [200] })
}

async function addAndDeleteUser(target: Target, ownerToken: string): Promise<void> {
  const username = `guest-${crypto.randomUUID()}`
  const send = (kind: string, method: string, path: string, json?: unknown) =>
    sendRequest(target, { kind, method, path, token: ownerToken, json, expectedOutcomes: [200] })
  await send('user add', 'POST', '/user/add', { username, group: 'manager' })
  await send('user setup', 'GET', `/user/auth/setup/${username}`)
  const link = (await send('user enrol', 'POST', `/user/enrol/${username}`)) as { enrolment_token?: string } | undefined
  const { enrolment_token } = link ?? {}
  await sendRequest(target, {
    kind: 'enrolment shown',
    method: 'POST',
    path: '/user/auth/enrol',
    json: { enrolment_token },
    expectedOutcomes: [200],
  })
  await send('user unlock', 'PATCH', `/user/unlock/${username}`)
  await send('user delete', 'DELETE', `/user/delete/${username}`)
}

/** Runs host commands beside the server: creates, lists, unlocks and deletes a user, and verifies the audit log. */
async function runCommands({ target }: SoakLoad, server: ServerProcess): Promise<void> {
  const commands = [
    ['create-user', '-u', 'from-host', '-g', 'viewer', '--json'],
    ['user', 'list'],
    ['user', 'unlock', 'from-host'],
    ['user', 'delete', 'from-host'],
    ['audit', '--verify'],
  ]
  for (const args of commands) {
    const start = performance.now()
    await server.runCli(...args)
    target.tally.recordTime(`cli ${args.slice(0, 2).join(' ').replace(' -u', '')}`, performance.now() - start)
  }
}
