import { afterAll, beforeAll, expect, test } from 'bun:test'
import { binary } from '../../scripts/lib/paths.ts'
import { run } from '../../scripts/lib/run.ts'
import { type Answer, currentCode, type Enrolment, type Matrix, startMatrix } from '../_support/e2e/matrix.ts'
import { tempDir } from '../_support/temp-dir.ts'

// Many at once, on the compiled binary: over the API, by processes of the command line, and by both.

let matrix: Matrix
let token: string

beforeAll(async () => {
  matrix = await startMatrix({ socket: '/nonexistent/docker.sock' })
  token = await matrix.signIn('owner')
})
afterAll(() => matrix[Symbol.asyncDispose]())

const times = <T>(count: number, work: (index: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, index) => work(index)))

/** A process of the command line over the running matrix's data: all that it wrote, and how it ended. */
async function command(...words: string[]) {
  const child = Bun.spawn([binary, ...words, '--data-dir', matrix.dataDir], { stdout: 'pipe', stderr: 'pipe' })
  const [stdout, stderr, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  return { exitCode, output: stdout + stderr }
}

const errorIdOf = ({ body }: Answer) => (body as { errorId: number }).errorId
const usernames = async () =>
  ((await matrix.call('GET', '/user/list', token)).body as Enrolment[]).map(({ username }) => username)

const refresh = (refresh_token: string) =>
  matrix.call('POST', '/user/auth/refresh', undefined, { grant_type: 'refresh_token', refresh_token })

test('of 100 posts of one code at once, exactly one logs in', async () => {
  const { secret } = await matrix.createUser('ada', 'viewer')
  const json = { username: 'ada', code: await currentCode(secret) }
  const answers = await times(100, () => matrix.call('POST', '/user/auth', undefined, json))
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  const refused = answers.filter(({ status }) => status !== 200).map(errorIdOf)
  // At the fifth wrong code the login is locked.
  expect(refused.filter(id => id === 902)).toHaveLength(5)
  expect(refused.filter(id => id === 915)).toHaveLength(94)
  const sessions = await matrix.call('GET', '/user/sessions/ada', token)
  expect(sessions.body).toHaveLength(1)
  await matrix.cli('user', 'unlock', 'ada')
})

test('of 50 refreshes of one token at once, one succeeds; the others end that session, and no other', async () => {
  const bob = await matrix.createUser('bob', 'viewer')
  const stolen = await matrix.logIn(bob)
  const answers = await times(50, () => refresh(stolen.refresh_token))
  const [winner, ...more] = answers.filter(({ status }) => status === 200)
  expect(more).toEqual([])
  for (const refused of answers.filter(({ status }) => status !== 200)) expect([910, 915]).toContain(errorIdOf(refused))
  // Nobody can tell whose the new pair is: it is worth nothing either (RFC 9700 section 4.14.2).
  const pair = winner?.body as typeof stolen
  expect(errorIdOf(await matrix.call('GET', '/droplet/list', pair.access_token))).toBe(908)
  await matrix.cli('user', 'unlock', 'bob')
  expect(errorIdOf(await refresh(pair.refresh_token))).toBe(910)
  expect((await matrix.call('GET', '/user/sessions/bob', token)).body).toEqual([])
  expect((await matrix.call('GET', '/user/list', token)).status).toBe(200)
})

test('of 20 owners made at once by 20 processes in a directory that is not there yet, one is', async () => {
  using dir = tempDir()
  const dataDir = `${dir.path}/data`
  const made = await Promise.allSettled(
    Array.from({ length: 20 }, (_, index) =>
      run([binary, 'create-user', '-u', `owner-${index}`, '-g', 'owner', '--json', '--data-dir', dataDir]),
    ),
  )
  const [owner, ...more] = made.flatMap(result => (result.status === 'fulfilled' ? [JSON.parse(result.value)] : []))
  expect(more).toEqual([])
  for (const result of made) {
    if (result.status === 'rejected') expect(String(result.reason)).toContain('There is an owner already')
  }
  const listed: Enrolment[] = JSON.parse(await run([binary, 'user', 'list', '--json', '--data-dir', dataDir]))
  expect(listed).toMatchObject([{ username: owner.username, group: 'owner' }])
  // What it was shown opens the door: one sealing key is in use, whoever made it.
  await using later = await startMatrix({ socket: '/nonexistent/docker.sock', dataDir })
  expect(await later.logIn(owner)).toMatchObject({ access_token: expect.any(String) })
})

test('20 adds of one name at once, in whatever case, make one user', async () => {
  const spellings = ['carol', 'Carol', 'CAROL', 'cArOl']
  const answers = await times(20, index =>
    matrix.call('POST', '/user/add', token, { username: spellings[index % spellings.length], group: 'viewer' }),
  )
  expect(answers.map(({ status }) => status).toSorted()).toEqual([200, ...Array<number>(19).fill(400)])
  expect(answers.filter(({ status }) => status === 400).every(answer => errorIdOf(answer) === 914)).toBe(true)
  expect((await usernames()).filter(name => name.toLowerCase() === 'carol')).toHaveLength(1)
})

test('one name made by ten processes and by ten requests at once is one user with one secret', async () => {
  const [made, answers] = await Promise.all([
    times(10, () => matrix.createUser('dave', 'viewer')),
    times(10, () => matrix.call('POST', '/user/add', token, { username: 'dave', group: 'viewer' })),
  ])
  expect(new Set(made.map(({ secret }) => secret)).size).toBe(1)
  expect(answers.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1)
  for (const refused of answers.filter(({ status }) => status !== 200)) expect(errorIdOf(refused)).toBe(914)
  expect((await usernames()).filter(name => name === 'dave')).toEqual(['dave'])
})

test('20 processes of every command beside logins, refreshes and lists: no word of a busy store on either side', async () => {
  const eve = await matrix.createUser('eve', 'viewer')
  let pair = await matrix.logIn(eve)
  for (const index of [3, 7, 11, 15, 19]) {
    await matrix.call('POST', '/user/add', token, { username: `heidi-${index}`, group: 'viewer' })
  }
  let done = false
  const until = async (work: () => Promise<void>) => {
    let count = 0
    for (; !done; count++) await work()
    return count
  }
  const load = Promise.all([
    until(async () => {
      const answer = await refresh(pair.refresh_token)
      expect(answer.status).toBe(200)
      pair = answer.body as typeof pair
    }),
    until(async () => expect((await matrix.call('GET', '/user/list', token)).status).toBe(200)),
    until(async () => {
      const added = await matrix.call('POST', '/user/add', token, { username: 'frank', group: 'viewer' })
      expect(added.status).toBe(200)
      expect((await matrix.call('DELETE', '/user/delete/frank', token)).status).toBe(200)
    }),
  ])

  const ended = await times(20, index => {
    if (index % 4 === 0) return command('user', 'list')
    if (index % 4 === 1) return command('user', 'unlock', 'eve')
    if (index % 4 === 2) return command('create-user', '-u', `grace-${index}`, '-g', 'manager')
    return command('user', 'delete', `heidi-${index}`)
  }).finally(() => {
    done = true
  })
  for (const rounds of await load) expect(rounds).toBeGreaterThan(0)

  expect(ended.filter(({ exitCode }) => exitCode !== 0)).toEqual([])
  expect((await usernames()).filter(name => /^(grace|heidi)/.test(name)).toSorted()).toEqual(
    [2, 6, 10, 14, 18].map(index => `grace-${index}`).toSorted(),
  )
  const lines = [
    ...ended.flatMap(({ output }) => output.split('\n')),
    ...matrix.log.map(entry => JSON.stringify(entry)),
  ]
  expect(lines.filter(line => /SQLITE_|database is/.test(line))).toEqual([])
  // There is no engine here, which is no matter of the store.
  const complaints = matrix.log.filter(({ level, message }) => level !== 'info' && message !== 'the engine is away')
  expect(complaints).toEqual([])
})
