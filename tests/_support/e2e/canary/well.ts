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

/** What fills in a parameter of a path. A route with another parameter needs it here. */
const parameters: Record<string, (world: World) => Promise<string>> = {
  user: async world => (await newUser(world)).username,
  droplet: newDroplet,
  operation: newOperation,
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
  const json = await bodies[route]?.(world)
  const headers = { authorization: `Bearer ${world.owner}` }
  return { route, path, headers, ...(json !== undefined && { json }) }
}
