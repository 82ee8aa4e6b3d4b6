import { codeAt } from '../../codes.ts'
import type { Asked } from './recorder.ts'
import {
  newConfirmation,
  newDroplet,
  newEnrolment,
  newLogin,
  newOperation,
  newRecovery,
  newSession,
  newUser,
  type World,
} from './world.ts'

/** RFC 6238 section 5.2. */
const STEP_MS = 30_000
const SSH_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINQ3VhKuqru1p79ls5NC1yARPltS9dL7LLwbqp+4fqAz canary'

/** What fills in a parameter of a path. A route with another parameter needs it here. */
const parameters: Record<string, (world: World) => Promise<string>> = {
  user: async world => (await newUser(world)).username,
  droplet: newDroplet,
  operation: newOperation,
  key: async world => {
    const headers = { authorization: `Bearer ${world.owner}` }
    const asked = { route: 'POST /user/ssh-keys', path: '/user/ssh-keys', headers, json: { ssh_key: SSH_KEY } }
    const [key] = (await world.recorder.ask(asked)).body as { id: string }[]
    return key?.id ?? ''
  },
  id: async world => {
    const { username } = await newSession(world)
    const headers = { authorization: `Bearer ${world.owner}` }
    const path = `/user/sessions/${username}`
    const { body } = await world.recorder.ask({ route: 'GET /user/sessions/:user', path, headers })
    const [session] = body as { id: string }[]
    return session?.id ?? ''
  },
}

/** The bodies of the routes that need one. */
const bodies: Record<string, (world: World) => Promise<unknown>> = {
  'POST /user/auth/': newLogin,
  'POST /user/auth/refresh': async world => {
    const { refresh_token } = await newSession(world)
    return { grant_type: 'refresh_token', refresh_token }
  },
  'POST /user/auth/recover': newRecovery,
  'POST /user/auth/enrol': newEnrolment,
  'POST /user/auth/confirm': newConfirmation,
  'PATCH /user/group/:user': async () => ({ group: 'manager' }),
  'POST /user/ssh-keys': async () => ({ ssh_key: SSH_KEY }),
  'POST /droplet/exec/:droplet': async () => ({ command: ['true'] }),
  'POST /user/add': async () => ({ username: `added-${crypto.randomUUID()}`, group: 'viewer' }),
}

/** A request to this route that succeeds; the user, session or droplet that it is about is made for it. */
export async function wellFormed(world: World, route: string): Promise<Asked> {
  const [, template = ''] = route.split(' ')
  let path = template
  for (const [segment, name = ''] of template.matchAll(/:(\w+)/g)) {
    const fill = parameters[name]
    if (!fill) throw new Error(`${route}: nothing is known to fill in ${segment} with`)
    path = path.replace(segment, await fill(world))
  }
  if (route === 'POST /user/recovery-codes') return await ofNewUser(world, route, path)
  const json = await bodies[route]?.(world)
  const headers = { authorization: `Bearer ${world.owner}` }
  return { route, path, headers, ...(json !== undefined && { json }) }
}

/** As somebody who logged in with the code before that of now, which is still good. */
async function ofNewUser(world: World, route: string, path: string): Promise<Asked> {
  const { username, secret } = await newUser(world)
  const json = { username, code: codeAt(secret, Date.now() - STEP_MS) }
  const { body } = await world.recorder.ask({ route: 'POST /user/auth/', path: '/user/auth/', json })
  const { access_token } = body as { access_token: string }
  const headers = { authorization: `Bearer ${access_token}` }
  return { route, path, headers, json: { code: codeAt(secret, Date.now()) } }
}
