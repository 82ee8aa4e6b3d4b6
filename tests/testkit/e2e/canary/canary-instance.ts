import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createTestApi } from '../../api/test-api.ts'
import { codeAt } from '../../auth/totp.ts'
import type { FakeDocker } from '../../docker/fake-docker.ts'
import { type ServerProcess, startServerProcess } from '../server-process.ts'
import { type Canaries, createCanaries, isDistinctive } from './canaries.ts'
import { readPrivateKeys } from './host-artifacts.ts'
import { createRequestRecorder, type RequestRecorder } from './request-recorder.ts'

/** One code in ten is distinctive, so this limit is never reached in practice. */
const MAX_LOGIN_ATTEMPTS = 500

export interface Tokens {
  access_token: string
  refresh_token: string
}

export interface CanaryInstance {
  server: ServerProcess
  engine: FakeDocker
  canaries: Canaries
  recorder: RequestRecorder
  /** `METHOD /path` of every route of the app. */
  routes: string[]
  /** The owner's access token. */
  ownerToken: string
  /** Releases the operation that blocks the others. */
  releaseHeldOperation?: () => void
}

/** Starts the binary with a logged-in owner, and registers the secrets that exist from the start. */
export async function createCanaryInstance(engine: FakeDocker): Promise<CanaryInstance> {
  const canaries = createCanaries()
  const server = await startServerProcess({ socket: engine.socket, flags: ['--metrics-listen', '0'] })
  const recorder = createRequestRecorder(server.url, canaries)
  addKeyCanaries({ server, canaries })
  const owner = await server.createUser('owner', 'owner')
  canaries.addBase32('the TOTP secret of the owner', owner.secret)
  const { access_token } = await logIn(recorder, owner.username, codeAt(owner.secret, Date.now()))
  return {
    server,
    engine,
    canaries,
    recorder,
    routes: await listRoutes(),
    ownerToken: access_token,
  }
}

/** The API routes from the app itself, so that new routes are included automatically. */
async function listRoutes(): Promise<string[]> {
  await using api = await createTestApi()
  // Terminals are WebSockets: see tests/droplets/exec and tests/e2e/inside-droplet.test.ts.
  const isTerminal = (route: { method: string; path: string }) =>
    route.method === 'GET' && route.path === '/api/v1/droplet/exec/:droplet'
  const routes = api.app.routes.filter(route => route.path.startsWith('/api/v1') && !isTerminal(route))
  return routes.map(({ method, path }) => `${method} ${path.replace('/api/v1', '')}`)
}

/** Creates a viewer through the API. */
export async function createUser({
  recorder,
  ownerToken,
}: CanaryInstance): Promise<{ username: string; secret: string }> {
  const headers = { authorization: `Bearer ${ownerToken}` }
  const username = `user-${crypto.randomUUID()}`
  await recorder.send({ route: 'POST /user/add', path: '/user/add', headers, json: { username, group: 'viewer' } })
  const path = `/user/auth/setup/${username}`
  const { body } = await recorder.send({ route: 'GET /user/auth/setup/:user', path, headers })
  return { username, secret: (body as { secret: string }).secret }
}

/** Creates a viewer whose current code is distinctive, as one in ten codes is. */
export async function createLogin(instance: CanaryInstance): Promise<{ username: string; code: string }> {
  const headers = { authorization: `Bearer ${instance.ownerToken}` }
  for (let attempt = 0; attempt < MAX_LOGIN_ATTEMPTS; attempt++) {
    const { username, secret } = await createUser(instance)
    const code = codeAt(secret, Date.now())
    if (isDistinctive(code)) {
      instance.canaries.addCode('a valid code', code)
      return { username, code }
    }
    const path = `/user/delete/${username}`
    await instance.recorder.send({ route: 'DELETE /user/delete/:user', path, headers })
  }
  throw new Error(`no distinctive code within ${MAX_LOGIN_ATTEMPTS} users`)
}

/** Creates a viewer and logs in. */
export async function createSession(instance: CanaryInstance): Promise<Tokens & { username: string; code: string }> {
  const { username, code } = await createLogin(instance)
  return { ...(await logIn(instance.recorder, username, code)), username, code }
}

/** Creates a viewer with an enrolment link. */
export async function createEnrolment(instance: CanaryInstance): Promise<{ enrolment_token: string }> {
  const { username } = await createUser(instance)
  const headers = { authorization: `Bearer ${instance.ownerToken}` }
  const request = { route: 'POST /user/enrol/:user', path: `/user/enrol/${username}`, headers }
  return (await instance.recorder.send(request)).body as { enrolment_token: string }
}

/** Creates a viewer who has used an enrolment link and can confirm it. */
export async function createConfirmation(instance: CanaryInstance): Promise<{ enrolment_token: string; code: string }> {
  const json = await createEnrolment(instance)
  const request = { route: 'POST /user/auth/enrol', path: '/user/auth/enrol', json }
  const { secret } = (await instance.recorder.send(request)).body as { secret: string }
  return { ...json, code: codeAt(secret, Date.now()) }
}

/** Creates a viewer with a recovery code on the host; only the host shows those of a new user. */
export async function createRecovery({
  server,
  canaries,
}: CanaryInstance): Promise<{ username: string; recovery_code: string }> {
  const username = `user-${crypto.randomUUID()}`
  const { secret, recovery_codes = [] } = await server.createUser(username, 'viewer')
  canaries.addBase32('a TOTP secret from create-user', secret)
  for (const code of recovery_codes) canaries.addRecoveryCode(code)
  return { username, recovery_code: recovery_codes[0] ?? '' }
}

/** Adds a droplet. @returns its name */
export async function createDroplet(instance: CanaryInstance): Promise<string> {
  releaseHeldOperation(instance)
  const headers = { authorization: `Bearer ${instance.ownerToken}` }
  const { body } = await instance.recorder.send({ route: 'POST /droplet/add', path: '/droplet/add', headers })
  addPrivateKeyCanaries(instance)
  const [newest] = body as { name: string }[]
  return newest?.name ?? ''
}

/**
 * Starts an add that is queued behind another one, so that it can be cancelled.
 * @returns the operation's id
 */
export async function createOperation(instance: CanaryInstance): Promise<string> {
  releaseHeldOperation(instance)
  instance.releaseHeldOperation = instance.engine.holdNext(/^GET \/info/).open
  const headers = { authorization: `Bearer ${instance.ownerToken}`, prefer: 'respond-async' }
  const add = () => instance.recorder.send({ route: 'POST /droplet/add', path: '/droplet/add', headers })
  await add()
  const { id } = (await add()).body as { id: string }
  return id
}

/** Releases the add that blocks the queue. */
function releaseHeldOperation(instance: CanaryInstance): void {
  instance.releaseHeldOperation?.()
}

/** Removes all droplets: there are only 99 numbers, and the test needs more. */
export async function removeDroplets(instance: CanaryInstance): Promise<void> {
  releaseHeldOperation(instance)
  const { server, ownerToken } = instance
  for (const { name } of await server.callDroplets('GET', 'list', ownerToken)) {
    await server.callDroplets('DELETE', `delete/${name}`, ownerToken)
  }
}

/** Registers the keys in the data directory. */
export function addKeyCanaries({ server, canaries }: Pick<CanaryInstance, 'server' | 'canaries'>): void {
  for (const file of ['sealing.key', 'audit.key']) {
    canaries.addHex(file, readFileSync(join(server.dataDir, file), 'utf8').trim())
  }
}

/** Registers the private keys of the existing droplets. @returns a line of each key */
export function addPrivateKeyCanaries({ server, canaries }: CanaryInstance): string[] {
  const keys = [...readPrivateKeys(server.dataDir)]
  for (const [file, { lines, seed }] of keys) {
    canaries.addBytes(`the seed in ${file}`, seed)
    // The first lines belong to the format; the seed is in the later ones.
    for (const line of lines.slice(2)) canaries.addText(`a line of ${file}`, line)
  }
  return keys.flatMap(([, { lines }]) => lines.at(2) ?? [])
}

async function logIn(recorder: RequestRecorder, username: string, code: string): Promise<Tokens> {
  const json = { username, code }
  const { status, body } = await recorder.send({ route: 'POST /user/auth/', path: '/user/auth', json })
  if (status !== 200) throw new Error(`login of ${username}: ${status} ${JSON.stringify(body)}`)
  return body as Tokens
}
