import { STEP_MS } from '../../auth/time-step.ts'
import { codeAt } from '../../auth/totp.ts'
import {
  type CanaryInstance,
  createConfirmation,
  createDroplet,
  createEnrolment,
  createLogin,
  createOperation,
  createRecovery,
  createSession,
  createUser,
} from './canary-instance.ts'
import type { RecordedRequest } from './request-recorder.ts'

const SSH_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINQ3VhKuqru1p79ls5NC1yARPltS9dL7LLwbqp+4fqAz canary'

/** Creates the value of each path parameter. A new parameter must be added here. */
const parameterFactories: Record<string, (instance: CanaryInstance) => Promise<string>> = {
  user: async instance => (await createUser(instance)).username,
  droplet: createDroplet,
  operation: createOperation,
  key: async instance => {
    const headers = { authorization: `Bearer ${instance.ownerToken}` }
    const request = { route: 'POST /user/ssh-keys', path: '/user/ssh-keys', headers, json: { ssh_key: SSH_KEY } }
    const [key] = (await instance.recorder.send(request)).body as { id: string }[]
    return key?.id ?? ''
  },
  id: async instance => {
    const { username } = await createSession(instance)
    const headers = { authorization: `Bearer ${instance.ownerToken}` }
    const path = `/user/sessions/${username}`
    const { body } = await instance.recorder.send({ route: 'GET /user/sessions/:user', path, headers })
    const [session] = body as { id: string }[]
    return session?.id ?? ''
  },
}

/** Creates the body of each route that needs one. */
const bodyFactories: Record<string, (instance: CanaryInstance) => Promise<unknown>> = {
  'POST /user/auth/': createLogin,
  'POST /user/auth/refresh': async instance => {
    const { refresh_token } = await createSession(instance)
    return { grant_type: 'refresh_token', refresh_token }
  },
  'POST /user/auth/recover': createRecovery,
  'POST /user/auth/enrol': createEnrolment,
  'POST /user/auth/confirm': createConfirmation,
  'PATCH /user/group/:user': async () => ({ group: 'manager' }),
  'POST /user/ssh-keys': async () => ({ ssh_key: SSH_KEY }),
  'POST /droplet/exec/:droplet': async () => ({ command: ['true'] }),
  'POST /user/add': async () => ({ username: `added-${crypto.randomUUID()}`, group: 'viewer' }),
}

/** A valid request to this route. Creates the user, session or droplet that it needs. */
export async function validRequest(instance: CanaryInstance, route: string): Promise<RecordedRequest> {
  const [, template = ''] = route.split(' ')
  let path = template
  for (const [segment, name = ''] of template.matchAll(/:(\w+)/g)) {
    const createParameter = parameterFactories[name]
    if (!createParameter) throw new Error(`${route}: there is no factory for ${segment}`)
    path = path.replace(segment, await createParameter(instance))
  }
  if (route === 'POST /user/recovery-codes') return await recoveryCodesRequest(instance, route, path)
  const json = await bodyFactories[route]?.(instance)
  const headers = { authorization: `Bearer ${instance.ownerToken}` }
  return { route, path, headers, ...(json !== undefined && { json }) }
}

/** Logs in with the previous code, which is still valid, so that the current code is unused. */
async function recoveryCodesRequest(instance: CanaryInstance, route: string, path: string): Promise<RecordedRequest> {
  const { username, secret } = await createUser(instance)
  const json = { username, code: codeAt(secret, Date.now() - STEP_MS) }
  const { body } = await instance.recorder.send({ route: 'POST /user/auth/', path: '/user/auth/', json })
  const { access_token } = body as { access_token: string }
  const headers = { authorization: `Bearer ${access_token}` }
  return { route, path, headers, json: { code: codeAt(secret, Date.now()) } }
}
