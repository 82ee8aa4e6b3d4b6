import { codeAt } from '../../tests/testkit/auth/totp.ts'
import { measureWork } from '../request-rate.ts'
import { startServer } from '../server.ts'
import { runWrk } from '../throughput.ts'
import { callExpectingOk, type EnrolledUser, enrolUsers } from '../users.ts'

const USER_COUNT = 240
/** In addition to the owner. */
const LISTED_USERS = 9

export type RevisionServer = Awaited<ReturnType<typeof startRevisionServers>>

/**
 * Two servers of one revision: one with enough users for one login each per time step, and one with ten users as in
 * `npm run bench`, whose list is short enough to show the cost of a request.
 */
export async function startRevisionServers(name: string, program: string) {
  await using startingServers = new AsyncDisposableStack()
  const start = async () => startingServers.use(await startServer({ program }))
  const server = await start()
  const users = await enrolUsers(server, await server.logInAs('owner'), USER_COUNT)
  const listServer = await start()
  const ownerToken = await listServer.logInAs('owner')
  await enrolUsers(listServer, ownerToken, LISTED_USERS)
  const runningServers = startingServers.move()
  // A third logs in sequentially, the others sixteen at a time.
  const [sequential, concurrent] = [users.slice(0, USER_COUNT / 3), users.slice(USER_COUNT / 3)]
  const measureBoth = async (work: (user: EnrolledUser) => Promise<void>) => ({
    sequential: await measureWork(sequential, [server], work),
    concurrent: await measureWork(
      concurrent,
      Array.from({ length: 16 }, () => server),
      work,
    ),
  })
  return {
    name,
    measureList: () => runWrk(`${listServer.url}/user/list`, ownerToken),
    measureLogins: () =>
      measureBoth(async user => {
        const json = { username: user.username, code: codeAt(user.secret, Date.now()) }
        user.refreshToken = (await callExpectingOk(server, 'POST', '/user/auth', undefined, json)).refresh_token ?? ''
      }),
    measureRefreshes: () =>
      measureBoth(async user => {
        const json = { grant_type: 'refresh_token', refresh_token: user.refreshToken }
        user.refreshToken =
          (await callExpectingOk(server, 'POST', '/user/auth/refresh', undefined, json)).refresh_token ?? ''
      }),
    [Symbol.asyncDispose]: () => runningServers.disposeAsync(),
  }
}
