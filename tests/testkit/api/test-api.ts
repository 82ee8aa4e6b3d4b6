import { createApp } from '../../../src/app.ts'
import { toConfig } from '../../../src/config/config.ts'
import type { Flags } from '../../../src/config/settings.ts'
import { type Context, createContext, type Overrides } from '../../../src/context.ts'
import type { Group } from '../../../src/core/groups.ts'
import { createLog } from '../../../src/core/log.ts'
import { TEST_ACTOR } from '../actor.ts'
import { codeAt } from '../auth/totp.ts'
import { createMemoryEngine } from '../droplets/memory-engine.ts'
import { isEventStream, readEventStream, readFirstChunk } from '../events/event-stream-reader.ts'
import { createManualClock } from '../manual-clock.ts'
import { memoryDir } from '../temp-dir.ts'
import { validateExchange } from './openapi-contract.ts'

export interface ApiResponse {
  status: number
  headers: Headers
  /** The parsed JSON; the first chunk of an event stream. */
  body: unknown
}

export type TestApi = Awaited<ReturnType<typeof createTestApi>>

/** The API with all background work running: polling, probing and sampling. */
export const createRunningTestApi = (overrides: Overrides = {}, flags: Flags = {}): Promise<TestApi> =>
  createTestApi(overrides, flags, context => context.start())

/**
 * The whole API over its own data directory, a manual clock and an in-memory engine. No timers run.
 * @param flags settings besides the data directory and the domain
 */
export async function createTestApi(
  overrides: Overrides = {},
  flags: Flags = {},
  onOpen: (context: Context) => void = () => undefined,
) {
  const dir = memoryDir()
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
    onOpen(newContext)
    // The informer's first synchronisation is not part of any test.
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

  /** Opens the event stream with this token. */
  async function openEventStream(token: string, lastEventId?: string) {
    const headers = { authorization: `Bearer ${token}`, ...(lastEventId && { 'last-event-id': lastEventId }) }
    return readEventStream(await app.handle(new Request('http://localhost/api/v1/event/stream', { headers })))
  }

  /** Creates a user as the CLI does. */
  async function createUser(username: string, group: Group) {
    const { secret } = await context.users.provision(TEST_ACTOR, username, group, false)
    return { username, secret: secret.reveal() }
  }

  /** Logs in with the code of the current time step. */
  async function logIn(user: { username: string; secret: string }) {
    const loginResponse = await call('POST', '/user/auth', {
      json: { username: user.username, code: codeAt(user.secret, clock.now()) },
    })
    if (loginResponse.status !== 200) throw new Error(`login failed: ${JSON.stringify(loginResponse.body)}`)
    return loginResponse.body as { access_token: string; refresh_token: string; expires_in: number; token_type: string }
  }

  /** Creates a user in this group and logs in. */
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
    /** Restarts everything with the same data directory. */
    async restart() {
      await context.close()
      context = await openContext()
      app = createApp(context)
    },
    /** Removes all locks and failed attempts. */
    clearFailures: () => context.db.write(() => void context.db.sql.run('DELETE FROM throttle_buckets')),
    config,
    clock,
    memoryEngine,
    dataDir: dir.path,
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
  /** Sent verbatim; `headers` may override its content type. */
  body?: Bun.BodyInit
  headers?: Record<string, string>
}
