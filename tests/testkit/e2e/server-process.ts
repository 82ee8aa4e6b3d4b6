import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { binary } from '../../../scripts/lib/paths.ts'
import { run } from '../../../scripts/lib/run.ts'
import type { Group } from '../../../src/core/groups.ts'
import { timedOut, withTimeout } from '../../../src/core/timeout.ts'
import type { DropletBody } from '../../../src/droplets/schema.ts'
import { validateExchange } from '../api/openapi-contract.ts'
import { memoryDir } from '../temp-dir.ts'

/** Above the limit of free space below which `cikit-api doctor` complains. */
const MIN_FREE_MIB = 2_048

/** A start takes a fraction of a second: this only ends one that hangs. */
const START_TIMEOUT_MS = 60_000

export interface ApiResponse {
  status: number
  headers: Headers
  body: unknown
}

/** The output of `create-user --json`. */
export interface CreatedUser {
  username: string
  group: Group
  secret: string
  otpauth_url: string
  qr: string
  /** Present when a new secret was created. */
  recovery_codes?: string[]
}

export type ListedDroplet = DropletBody

export type ServerProcess = Awaited<ReturnType<typeof startServerProcess>>

interface ServerOptions {
  /** The engine's unix socket, or its URL. */
  socket: string
  /** Additional flags of `serve`. */
  flags?: string[]
  /** Default: a new one in memory. */
  dataDir?: string
  /** Default: the binary of this tree. */
  program?: string
  /** A command that ends by `exec`ing its arguments, for example to set a limit. */
  commandPrefix?: string[]
  /** Additional environment variables. */
  env?: Record<string, string>
}

/** Starts the compiled binary on a free port, by default with a data directory of its own. */
export async function startServerProcess({
  socket,
  flags = [],
  dataDir,
  program = binary,
  commandPrefix = [],
  env = {},
}: ServerOptions) {
  const dir = dataDir === undefined ? memoryDir({ minFreeMib: MIN_FREE_MIB }) : undefined
  const usedDataDir = dataDir ?? dir?.path ?? ''
  const command = [
    ...commandPrefix,
    program,
    'serve',
    '--port',
    '0',
    '--data-dir',
    usedDataDir,
    '--domain',
    'matrix.test',
    ...flags,
  ]
  const child = Bun.spawn([...command, '--docker-host', socket.includes('://') ? socket : `unix://${socket}`], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    env: { ...cleanEnvironment(), ...env },
  })
  const log: Record<string, unknown>[] = []
  const listening = Promise.withResolvers<string>()
  const lines = createInterface({ input: Readable.fromWeb(child.stdout) })
  lines.on('line', line => {
    const entry: Record<string, unknown> = JSON.parse(line)
    log.push(entry)
    if (entry.message === 'listening') listening.resolve(String(entry.address))
  })
  // Always drained: a full pipe would block the process.
  const stderr = new Response(child.stderr).text()
  lines.on('close', async () => listening.reject(new Error(`serve exited before it listened: ${await stderr}`)))
  const address = await withTimeout(listening.promise, START_TIMEOUT_MS)
  if (address === timedOut) {
    child.kill('SIGKILL')
    throw new Error(`serve did not listen within ${START_TIMEOUT_MS} ms: ${JSON.stringify(log)} ${await stderr}`)
  }
  const url = new URL('api/v1', address).href

  /** @param forwardedFor the client address that a trusted proxy reports */
  async function call(
    method: string,
    path: string,
    token?: string,
    json?: unknown,
    forwardedFor?: string,
  ): Promise<ApiResponse> {
    const response = await fetch(`${url}${path}`, {
      method,
      tls: { rejectUnauthorized: false },
      timeout: false,
      headers: {
        ...(token && { authorization: `Bearer ${token}` }),
        ...(json !== undefined && { 'content-type': 'application/json' }),
        ...(forwardedFor && { 'x-forwarded-for': forwardedFor }),
      },
      ...(json !== undefined && { body: JSON.stringify(json) }),
    })
    const [{ status }, text] = [response, await response.text()]
    if (program === binary) {
      validateExchange({ method, path: `/api/v1${path}`, status, headers: response.headers, text, requestBody: json })
    }
    return { status, headers: response.headers, body: JSON.parse(text) }
  }

  /** Calls a droplet route, which returns the list. @throws Error for any status other than 200 */
  async function callDroplets(method: string, path: string, token: string): Promise<ListedDroplet[]> {
    const { status, body } = await call(method, `/droplet/${path}`, token)
    if (status !== 200 || !Array.isArray(body)) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(body)}`)
    return body
  }

  /** The names in the list of users, oldest first. @throws Error for any status other than 200 */
  async function usernames(token: string): Promise<string[]> {
    const { status, body } = await call('GET', '/user/list', token)
    if (status !== 200 || !Array.isArray(body)) throw new Error(`list of users: ${status} ${JSON.stringify(body)}`)
    return body.map(({ username }: { username: string }) => username)
  }

  const addUser = (token: string, username: string) => call('POST', '/user/add', token, { username, group: 'viewer' })

  const runCli = (...args: string[]) => run([program, ...args, '--data-dir', usedDataDir])

  async function createUser(username: string, group: Group, ...extraFlags: string[]): Promise<CreatedUser> {
    return JSON.parse(await runCli('create-user', '-u', username, '-g', group, '--json', ...extraFlags))
  }

  async function logIn(
    user: Pick<CreatedUser, 'username' | 'secret'>,
  ): Promise<{ access_token: string; refresh_token: string }> {
    const code = await currentCode(user.secret)
    const { status, body } = await call('POST', '/user/auth', undefined, { username: user.username, code })
    if (status !== 200) throw new Error(`login of ${user.username}: ${status} ${JSON.stringify(body)}`)
    return body as { access_token: string; refresh_token: string }
  }

  return {
    url,
    dataDir: usedDataDir,
    process: child,
    log,
    /** The standard error, once the process has exited. */
    stderr,
    call,
    callDroplets,
    usernames,
    addUser,
    runCli,
    createUser,
    logIn,
    /** Creates a user and logs in. @returns the access token */
    logInAs: async (group: Group, username: string = group) =>
      (await logIn(await createUser(username, group))).access_token,
    /** @returns the exit code */
    async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number> {
      child.kill(signal)
      return await child.exited
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await child.exited
      dir?.[Symbol.dispose]()
    },
  }
}

/** The current TOTP code, by an independent implementation. */
export async function currentCode(secret: string): Promise<string> {
  return (await run(['oathtool', '--totp', '--base32', secret])).trim()
}

/** Keeps the developer's own settings away from the binary. */
function cleanEnvironment(): Record<string, string> {
  return { PATH: process.env.PATH ?? '', HOME: '/nonexistent' }
}
