import { codeAt } from '../../tests/_support/codes.ts'
import { pace } from '../pace.ts'
import { enrol, type Person, succeed } from '../people.ts'
import { startServer } from '../server.ts'
import { load } from '../throughput.ts'

const PEOPLE = 240
/** Beside the owner. */
const LISTED = 9

export type Side = Awaited<ReturnType<typeof startSide>>

/**
 * A server of one of the two revisions, with enough users that each logs in once in a time step; and one with a few, as
 * in `npm run bench`, whose list is short enough to show what a request costs.
 */
export async function startSide(name: string, program: string) {
  await using starting = new AsyncDisposableStack()
  const start = async () => starting.use(await startServer({ program }))
  const matrix = await start()
  const people = await enrol(matrix, await matrix.signIn('owner'), PEOPLE)
  const lists = await start()
  const owner = await lists.signIn('owner')
  await enrol(lists, owner, LISTED)
  const running = starting.move()
  // A third one after another, the others sixteen at a time.
  const [alone, together] = [people.slice(0, PEOPLE / 3), people.slice(PEOPLE / 3)]
  const both = async (work: (person: Person) => Promise<void>) => ({
    alone: await pace(alone, [matrix], work),
    together: await pace(
      together,
      Array.from({ length: 16 }, () => matrix),
      work,
    ),
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
