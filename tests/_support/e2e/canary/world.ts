import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createTestApi } from '../../api.ts'
import { codeAt } from '../../codes.ts'
import type { FakeEngine } from '../../fake-engine.ts'
import { type Matrix, startMatrix } from '../matrix.ts'
import { type Canaries, createCanaries, isUnlikely } from './canaries.ts'
import { readPrivateKeys } from './places.ts'
import { createRecorder, type Recorder } from './recorder.ts'

export interface Tokens {
  access_token: string
  refresh_token: string
}

export interface World {
  matrix: Matrix
  engine: FakeEngine
  canaries: Canaries
  recorder: Recorder
  /** `METHOD /path` of every route of the app. */
  routes: string[]
  /** The owner's access token. */
  owner: string
  /** Of the operation that holds up the others. */
  release?: () => void
}

/** The binary with an owner who is logged in, and the secrets known that exist from the beginning. */
export async function createWorld(engine: FakeEngine): Promise<World> {
  const canaries = createCanaries()
  const matrix = await startMatrix({ socket: engine.socket, flags: ['--metrics-listen', '0'] })
  const recorder = createRecorder(matrix.url, canaries)
  learnKeys({ matrix, canaries })
  const owner = await matrix.createUser('owner', 'owner')
  canaries.addBase32('the TOTP secret of the owner', owner.secret)
  const { access_token } = await logIn(recorder, owner.username, codeAt(owner.secret, Date.now()))
  return {
    matrix,
    engine,
    canaries,
    recorder,
    routes: await listRoutes(),
    owner: access_token,
  }
}

/** Those of the API as the app itself names them, so that a new one is driven without a word here. */
async function listRoutes(): Promise<string[]> {
  await using api = await createTestApi()
  // A terminal is a websocket and no request: tests/exec, tests/e2e/within.test.ts.
  const isTerminal = (route: { method: string; path: string }) =>
    route.method === 'GET' && route.path === '/api/v1/droplet/exec/:droplet'
  const routes = api.app.routes.filter(route => route.path.startsWith('/api/v1') && !isTerminal(route))
  return routes.map(({ method, path }) => `${method} ${path.replace('/api/v1', '')}`)
}

/** A new viewer, made over the API. */
export async function newUser({ recorder, owner }: World): Promise<{ username: string; secret: string }> {
  const headers = { authorization: `Bearer ${owner}` }
  const username = `user-${crypto.randomUUID()}`
  await recorder.ask({ route: 'POST /user/add', path: '/user/add', headers, json: { username, group: 'viewer' } })
  const path = `/user/auth/setup/${username}`
  const { body } = await recorder.ask({ route: 'GET /user/auth/setup/:user', path, headers })
  return { username, secret: (body as { secret: string }).secret }
}

/** A new viewer whose code of now is one that can be searched for, which is one in ten. */
export async function newLogin(world: World): Promise<{ username: string; code: string }> {
  const headers = { authorization: `Bearer ${world.owner}` }
  for (;;) {
    const { username, secret } = await newUser(world)
    const code = codeAt(secret, Date.now())
    if (isUnlikely(code)) {
      world.canaries.addCode('a right code', code)
      return { username, code }
    }
    const path = `/user/delete/${username}`
    await world.recorder.ask({ route: 'DELETE /user/delete/:user', path, headers })
  }
}

/** A new viewer who is logged in. */
export async function newSession(world: World): Promise<Tokens & { username: string; code: string }> {
  const { username, code } = await newLogin(world)
  return { ...(await logIn(world.recorder, username, code)), username, code }
}

/** What a new viewer sets up a phone with. */
export async function newEnrolment(world: World): Promise<{ enrolment_token: string }> {
  const { username } = await newUser(world)
  const headers = { authorization: `Bearer ${world.owner}` }
  const asked = { route: 'POST /user/enrol/:user', path: `/user/enrol/${username}`, headers }
  return (await world.recorder.ask(asked)).body as { enrolment_token: string }
}

/** What a new viewer confirms a new secret with. */
export async function newConfirmation(world: World): Promise<{ enrolment_token: string; code: string }> {
  const json = await newEnrolment(world)
  const asked = { route: 'POST /user/auth/enrol', path: '/user/auth/enrol', json }
  const { secret } = (await world.recorder.ask(asked)).body as { secret: string }
  return { ...json, code: codeAt(secret, Date.now()) }
}

/** A new viewer with a recovery code, which only the host gives. */
export async function newRecovery({ matrix, canaries }: World): Promise<{ username: string; recovery_code: string }> {
  const username = `user-${crypto.randomUUID()}`
  const { secret, recovery_codes = [] } = await matrix.createUser(username, 'viewer')
  canaries.addBase32('a TOTP secret from create-user', secret)
  for (const code of recovery_codes) canaries.addRecoveryCode(code)
  return { username, recovery_code: recovery_codes[0] ?? '' }
}

/** @returns its name */
export async function newDroplet(world: World): Promise<string> {
  release(world)
  const headers = { authorization: `Bearer ${world.owner}` }
  const { body } = await world.recorder.ask({ route: 'POST /droplet/add', path: '/droplet/add', headers })
  learnPrivateKeys(world)
  const [newest] = body as { name: string }[]
  return newest?.name ?? ''
}

/**
 * An add that waits for its turn behind another one, so that it can still be cancelled.
 * @returns its id
 */
export async function newOperation(world: World): Promise<string> {
  release(world)
  const held = Promise.withResolvers<void>()
  world.engine.answerNext(/^GET \S+\/info/, async () => {
    await held.promise
    return undefined
  })
  world.release = held.resolve
  const headers = { authorization: `Bearer ${world.owner}`, prefer: 'respond-async' }
  const add = () => world.recorder.ask({ route: 'POST /droplet/add', path: '/droplet/add', headers })
  await add()
  const { id } = (await add()).body as { id: string }
  return id
}

/** Lets go what holds up the line of adds. */
export function release(world: World): void {
  world.release?.()
}

/** There are 99 numbers, and the drive is longer. */
export async function removeDroplets(world: World): Promise<void> {
  release(world)
  const { matrix, owner } = world
  for (const { name } of await matrix.droplets('GET', 'list', owner)) {
    await matrix.droplets('DELETE', `delete/${name}`, owner)
  }
}

/** The keys that lie in the data directory now. */
export function learnKeys({ matrix, canaries }: Pick<World, 'matrix' | 'canaries'>): void {
  for (const file of ['sealing.key', 'audit.key']) {
    canaries.addHex(`${file} at some time`, readFileSync(join(matrix.dataDir, file), 'utf8').trim())
  }
}

/** The keys of the droplets that are there now are secrets as well. */
export function learnPrivateKeys({ matrix, canaries }: World): string[] {
  const keys = [...readPrivateKeys(matrix.dataDir)]
  for (const [file, { lines, seed }] of keys) {
    canaries.addBytes(`the seed in ${file}`, seed)
    // The first line is the format's own; the seed is in those after it.
    for (const line of lines.slice(2)) canaries.addText(`a line of ${file}`, line)
  }
  return keys.flatMap(([, { lines }]) => lines.at(2) ?? [])
}

async function logIn(recorder: Recorder, username: string, code: string): Promise<Tokens> {
  const json = { username, code }
  const { status, body } = await recorder.ask({ route: 'POST /user/auth/', path: '/user/auth', json })
  if (status !== 200) throw new Error(`login of ${username}: ${status} ${JSON.stringify(body)}`)
  return body as Tokens
}
