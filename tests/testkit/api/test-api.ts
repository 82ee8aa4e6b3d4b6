import { createApp } from '../../../src/app.ts'
import { type Flags, toConfig } from '../../../src/config/config.ts'
import { createContext, type Overrides } from '../../../src/context.ts'
import type { Group } from '../../../src/core/groups.ts'
import { createLog } from '../../../src/core/log.ts'
import { TEST_ACTOR } from '../actor.ts'
import { codeAt } from '../auth/totp.ts'
import { createMemoryEngine } from '../droplets/memory-engine.ts'
import { isEventStream, readEventStream, readFirstChunk } from '../events/event-stream-reader.ts'
import { createManualClock } from '../manual-clock.ts'
import { tempDir } from '../temp-dir.ts'
import { validateExchange } from './openapi-contract.ts'

export interface ApiResponse {
  status: number
  headers: Headers
  /** The parsed JSON; of a stream of events, what it begins with. */
  body: unknown
}

export type TestApi = Awaited<ReturnType<typeof createTestApi>>

/** The whole API over a data directory of its own, a clock that is moved by hand, and droplets in memory.
 * @param flags settings beside those that are always made */
export async function createTestApi(overrides: Overrides = {}, flags: Flags = {}) {
  const dir = tempDir()
  const clock = createManualClock()
  const memoryEngine = createMemoryEngine(clock.now)
  const logLines: string[] = []
  const log = createLog({ write: line => void logLines.push(line), readable: false, now: clock.now })
  const config = toConfig(
    { 'data-dir': dir.path, domain: 'matrix.test', ...flags },
    {},
    { root: true, hostname: 'matrix' },
  )
  async function openContext() {
    const dependencies = { now: clock.now, monotonic: clock.monotonic, engine: memoryEngine.engine, ...overrides }
    const newContext = await createContext(config, log, dependencies)
    // What is asked to begin with is no test's business.
    await newContext.droplets.list().catch(() => undefined)
    memoryEngine.calls.length = 0
    return newContext
  }
  let context = await openContext()
  let app = createApp(context)

  async function call(method: string, path: string, options: CallOptions = {}): Promise<ApiResponse> {
    const { token, json, headers } = options
    const response = await app.handle(
      new Request(`http://localhost/api/v1${path}`, {
        method,
        headers: {
          ...(token && { authorization: `Bearer ${token}` }),
          ...(json !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(json !== undefined && { body: JSON.stringify(json) }),
        ...(options.body !== undefined && { body: options.body }),
      }),
    )
    const text = isEventStream(response) ? await readFirstChunk(response) : await response.text()
    const { status } = response
    validateExchange({ method, path: `/api/v1${path}`, status, headers: response.headers, text, requestBody: json })
    return { status, headers: response.headers, body: isEventStream(response) ? text : JSON.parse(text) }
  }

  /** Follows the stream of events, as who has this token. */
  async function openEventStream(token: string, lastEventId?: string) {
    const headers = { authorization: `Bearer ${token}`, ...(lastEventId && { 'last-event-id': lastEventId }) }
    return readEventStream(await app.handle(new Request('http://localhost/api/v1/event/stream', { headers })))
  }

  /** Makes a user as the CLI does. */
  async function createUser(username: string, group: Group) {
    const { secret } = await context.users.provision(TEST_ACTOR, username, group, false)
    return { username, secret: secret.reveal() }
  }

  /** Logs in with a code of the present step. */
  async function logIn(user: { username: string; secret: string }) {
    const loginResponse = await call('POST', '/user/auth', {
      json: { username: user.username, code: codeAt(user.secret, clock.now()) },
    })
    if (loginResponse.status !== 200) throw new Error(`login failed: ${JSON.stringify(loginResponse.body)}`)
    return loginResponse.body as { access_token: string; refresh_token: string; expires_in: number; token_type: string }
  }

  /** A logged-in user of this group. */
  async function logInAs(group: Group, username: string = group) {
    const user = await createUser(username, group)
    return { ...user, token: (await logIn(user)).access_token }
  }

  return {
    get app() {
      return app
    },
    get context() {
      return context
    },
    /** Everything anew over the same data directory, as after a restart. */
    async restart() {
      await context.close()
      context = await openContext()
      app = createApp(context)
    },
    /** Lifts every lock and forgets every failed attempt. */
    clearFailures: () => context.db.write(() => void context.db.sql.run('DELETE FROM lanes')),
    config,
    clock,
    memoryEngine,
    dataDir: dir.path,
    /** The lines of the log. */
    logLines,
    call,
    openEventStream,
    createUser,
    logIn,
    logInAs,
    async [Symbol.asyncDispose]() {
      await context.close()
      dir[Symbol.dispose]()
    },
  }
}

export interface CallOptions {
  token?: string
  json?: unknown
  /** Sent as it is, with the content type that goes with it unless `headers` says another. */
  body?: Bun.BodyInit
  headers?: Record<string, string>
}
