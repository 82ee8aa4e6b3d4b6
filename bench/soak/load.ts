import type { Matrix } from '../../tests/_support/e2e/matrix.ts'
import type { FakeEngine } from '../../tests/_support/fake-engine.ts'
import { liveDroplets } from './droplets.ts'
import { exchange, pick, type Target } from './exchange.ts'
import { endSession, enrol, listDroplets, logIn, type Person, refresh, revoke } from './people.ts'
import { dropConnection, guess, keepSilent, misbehave } from './strangers.ts'

const WORKERS = 8
/** Each may log in once in 30 s: as many as give three logins a second. */
const PEOPLE_PER_WORKER = 12
/** Between two requests of a worker, on average: a load that leaves the machine some air. */
const PAUSE_MS = 15
const CLI_EVERY_MS = 5_000

export interface Load {
  target: Target
  matrix: Matrix
  engine: FakeEngine
  /** The owner's access token. */
  owner: string
}

/** Everything at once until that moment of `performance.now()`. */
export async function runLoad(load: Load, ends: number): Promise<void> {
  const { target, matrix, engine, owner } = load
  const repeat = async (work: () => Promise<unknown>, pauseMs: () => number) => {
    while (performance.now() < ends) {
      // What fails beyond an answer is a finding as well, and the load goes on.
      await work().catch(error => target.tally.complain(String(error)))
      await Bun.sleep(pauseMs())
    }
  }
  const workers = Array.from({ length: WORKERS }, async (_, number) => {
    const people = await enrolPeople(load, number)
    await repeat(
      () => pick(actions)(load, pick(people)),
      () => Math.random() * 2 * PAUSE_MS,
    )
  })
  await Promise.all([
    ...workers,
    repeat(
      () => liveDroplets(target, owner, engine),
      () => 200,
    ),
    repeat(
      () => keepSilent(target),
      () => 0,
    ),
    repeat(
      () => runCommand(load, matrix),
      () => CLI_EVERY_MS,
    ),
  ])
}

async function enrolPeople({ target, owner }: Load, worker: number): Promise<[Person, ...Person[]]> {
  const person = (number: number) => enrol(target, owner, `person${worker}.${number}`, `10.1.${worker}.${number}`)
  const people: [Person, ...Person[]] = [await person(0)]
  while (people.length < PEOPLE_PER_WORKER) people.push(await person(people.length))
  return people
}

type Action = (load: Load, person: Person) => Promise<unknown>

/** Each as often as its number says. */
const actions = repeated([
  [20, ({ target, owner }) => listUsers(target, owner)],
  [2, ({ target, owner }) => listAudit(target, owner)],
  [12, ({ target }, person) => listDroplets(target, person)],
  [10, ({ target }, person) => logIn(target, person)],
  [12, ({ target }, person) => refresh(target, person)],
  [1, ({ target }, person) => revoke(target, person)],
  [2, ({ target }, person) => endSession(target, person)],
  [3, ({ target, owner }) => addAndDelete(target, owner)],
  [5, ({ target }, person) => guess(target, person)],
  [10, ({ target, owner }) => misbehave(target, owner)],
  [5, ({ target, owner }) => dropConnection(target, owner)],
])

function repeated(weighted: [weight: number, action: Action][]): [Action, ...Action[]] {
  const [first, ...others] = weighted.flatMap(([weight, action]) => Array.from({ length: weight }, () => action))
  return [first ?? (async () => undefined), ...others]
}

async function listUsers(target: Target, owner: string): Promise<void> {
  await exchange(target, { kind: 'user list', method: 'GET', path: '/user/list', token: owner, expected: [200] })
}

async function listAudit(target: Target, owner: string): Promise<void> {
  const query = pick(['', '?action=user.auth', '?user=owner&limit=20'])
  const path = `/audit/list${query}`
  await exchange(target, { kind: 'audit list', method: 'GET', path, token: owner, expected: [200] })
}

async function addAndDelete(target: Target, owner: string): Promise<void> {
  const username = `guest-${crypto.randomUUID()}`
  const ask = (kind: string, method: string, path: string, json?: unknown) =>
    exchange(target, { kind, method, path, token: owner, json, expected: [200] })
  await ask('user add', 'POST', '/user/add', { username, group: 'manager' })
  await ask('user setup', 'GET', `/user/auth/setup/${username}`)
  const link = (await ask('user enrol', 'POST', `/user/enrol/${username}`)) as { enrolment_token?: string } | undefined
  const { enrolment_token } = link ?? {}
  await exchange(target, {
    kind: 'enrolment shown',
    method: 'POST',
    path: '/user/auth/enrol',
    json: { enrolment_token },
    expected: [200],
  })
  await ask('user unlock', 'PATCH', `/user/unlock/${username}`)
  await ask('user delete', 'DELETE', `/user/delete/${username}`)
}

/** The command line beside the server: a user is made, shown and deleted, and the audit verified. */
async function runCommand({ target }: Load, matrix: Matrix): Promise<void> {
  const commands = [
    ['create-user', '-u', 'from-host', '-g', 'viewer', '--json'],
    ['user', 'list'],
    ['user', 'unlock', 'from-host'],
    ['user', 'delete', 'from-host'],
    ['audit', '--verify'],
  ]
  for (const words of commands) {
    const start = performance.now()
    await matrix.cli(...words)
    target.tally.took(`cli ${words.slice(0, 2).join(' ').replace(' -u', '')}`, performance.now() - start)
  }
}
