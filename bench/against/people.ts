import { codeAt } from '../../tests/_support/codes.ts'
import { type Enrolment, type Matrix, startMatrix } from '../../tests/_support/e2e/matrix.ts'
import { timed } from '../statistics.ts'
import { load } from '../throughput.ts'

const PEOPLE = 240
/** Beside the owner. */
const LISTED = 9
const STEP_MS = 30_000

/** How long each of many pieces of work took, in ms, and how many there were in a second. */
export interface Pace {
  perSecond: number
  times: number[]
}

export type Side = Awaited<ReturnType<typeof startSide>>

interface Person extends Pick<Enrolment, 'username' | 'secret'> {
  refreshToken: string
}

/**
 * A server of one of the two revisions, with enough users that each logs in once in a time step; and one with a few, as
 * in `npm run bench`, whose list is short enough to show what a request costs.
 */
export async function startSide(name: string, program: string) {
  await using starting = new AsyncDisposableStack()
  const start = async () => starting.use(await startMatrix({ socket: '/nonexistent/docker.sock', program }))
  const matrix = await start()
  const people = await enrol(matrix, await matrix.signIn('owner'), PEOPLE)
  const lists = await start()
  const owner = await lists.signIn('owner')
  await enrol(lists, owner, LISTED)
  const running = starting.move()
  // A third one after another, the others sixteen at a time.
  const [alone, together] = [people.slice(0, PEOPLE / 3), people.slice(PEOPLE / 3)]
  const both = async (work: (person: Person) => Promise<void>) => ({
    alone: await pace(alone, 1, work),
    together: await pace(together, 16, work),
  })
  return {
    name,
    list: () => load(`${lists.url}/user/list`, owner),
    logIns: () =>
      both(async person => {
        const json = { username: person.username, code: codeAt(person.secret, Date.now()) }
        person.refreshToken = (await succeed(matrix, 'POST', '/user/auth', undefined, json)).refresh_token ?? ''
      }),
    refreshes: () =>
      both(async person => {
        const json = { grant_type: 'refresh_token', refresh_token: person.refreshToken }
        person.refreshToken = (await succeed(matrix, 'POST', '/user/auth/refresh', undefined, json)).refresh_token ?? ''
      }),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

async function enrol(matrix: Matrix, owner: string, count: number): Promise<Person[]> {
  const people: Person[] = []
  while (people.length < count) {
    const username = `person${people.length}`
    await succeed(matrix, 'POST', '/user/add', owner, { username, group: 'viewer' })
    const { secret } = await succeed(matrix, 'GET', `/user/auth/setup/${username}`, owner)
    people.push({ username, secret: secret ?? '', refreshToken: '' })
  }
  return people
}

/** Waits until all codes are fresh again. */
export async function nextStep(): Promise<void> {
  await Bun.sleep(STEP_MS - (Date.now() % STEP_MS) + 50)
}

async function pace(people: Person[], atOnce: number, work: (person: Person) => Promise<void>): Promise<Pace> {
  const waiting = [...people]
  const times: number[] = []
  const worker = async () => {
    for (let person = waiting.pop(); person; person = waiting.pop()) {
      const present = person
      times.push(await timed(() => work(present)))
    }
  }
  const ms = await timed(() => Promise.all(Array.from({ length: atOnce }, worker)))
  return { perSecond: (people.length / ms) * 1000, times }
}

async function succeed(matrix: Matrix, method: string, path: string, token?: string, json?: unknown) {
  const { status, body } = await matrix.call(method, path, token, json)
  if (status !== 200) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(body)}`)
  return body as Partial<Record<'secret' | 'refresh_token', string>>
}
