import type { Server } from 'bun'
import { Elysia, type HTTPHeaders, status } from 'elysia'
import type { Fields } from '../api/http/body.ts'
import { emptyBody } from '../api/http/fields.ts'
import type { Guard } from '../api/http/guards.ts'
import { readIdempotencyKey } from '../api/http/idempotency.ts'
import { withoutIdleTimeout } from '../api/http/idle-timeout.ts'
import { createJsonCache } from '../api/http/json-cache.ts'
import { readPreferences } from '../api/http/prefer-header.ts'
import { requestIdOf } from '../api/http/request-context.ts'
import type { Config } from '../config/types.ts'
import type { Actor } from '../core/actor.ts'
import { withRequestId } from '../core/log.ts'
import type { User } from '../store/users.ts'
import { parseSshKeys } from '../users/ssh-keys/public-key.ts'
import type { SshKeyService } from '../users/ssh-keys/service.ts'
import type { ListedDroplet } from './engine.ts'
import { operationBody } from './operations/schema.ts'
import type { Operations } from './operations/service.ts'
import { toOperationBody } from './operations/to-body.ts'
import { addDropletRequest, type DropletList, dropletList } from './schema.ts'
import type { DropletChangeRequest, DropletService } from './service.ts'
import { toDropletList, validUntil } from './to-body.ts'

/** A change returns the updated list, or its operation if the client prefers not to wait. */
export function createDropletRoutes(
  guard: Guard,
  context: {
    droplets: DropletService
    operations: Operations
    sshKeys: Pick<SshKeyService, 'authorizedKeysOf'>
    config: Pick<Config, 'droplets'>
    now: () => number
  },
) {
  const { droplets, operations, sshKeys, now } = context
  const { domain } = context.config.droplets
  // The most frequent request: one rendering serves all clients until an age in it changes.
  const { remember, respond } = createJsonCache<DropletList>()
  let rendered: { droplets: readonly ListedDroplet[]; from: number; until: number; list: DropletList } | undefined
  const render = (droplets: readonly ListedDroplet[]): DropletList => {
    const at = now()
    if (rendered?.droplets === droplets && at >= rendered.from && at < rendered.until) return rendered.list
    const context = { now: at, domain }
    const until = droplets.reduce((earliest, droplet) => Math.min(earliest, validUntil(droplet, context)), Infinity)
    rendered = { droplets, from: at, until, list: remember(toDropletList(droplets, context)) }
    return rendered.list
  }
  // The list is usually cached.
  const list = async (): Promise<DropletList> => render(droplets.cachedList() ?? (await droplets.list()))
  const handleChange = ({ actor, body, user, server, request, set }: RouteContext, change: DropletChangeRequest) =>
    withoutIdleTimeout(server, request, () =>
      withRequestId(requestIdOf(request), async () => {
        const { respondAsync, waitSeconds } = readPreferences(request.headers.get('prefer'))
        const requestParts = [change.kind, 'droplet' in change ? change.droplet : '']
        const idempotencyKey = readIdempotencyKey(request, user.id, requestParts, body)
        const { id } = await droplets.change(actor, change, idempotencyKey)
        const operation = respondAsync && (await operations.wait(id, waitSeconds * 1000, request.signal))
        if (operation && (waitSeconds === 0 || operation.endedAt === null)) {
          set.headers.location = `/api/v1/operation/show/${id}`
          set.headers['preference-applied'] = 'respond-async'
          return status(202, toOperationBody(operation))
        }
        await operations.outcome(id)
        return status(200, await list())
      }),
    )
  // The keys of the request come first, so that an invalid one is reported before anything else.
  const sshKeysFor = (requestKeys: unknown, user: User) => [
    ...new Set([...parseSshKeys(requestKeys), ...sshKeys.authorizedKeysOf(user)]),
  ]
  const response = { 200: dropletList, 202: operationBody }
  const changeOptions = { group: 'manager', body: emptyBody, response } as const

  return new Elysia({ name: 'droplet-routes', prefix: '/droplet' })
    .use(guard)
    .get('/list', list, { group: 'viewer', afterHandle: respond })
    .post('/add', call => handleChange(call, { kind: 'add', sshKeys: sshKeysFor(call.body.ssh_keys, call.user) }), {
      ...changeOptions,
      body: addDropletRequest,
    })
    .patch(
      '/start/:droplet',
      call => handleChange(call, { kind: 'start', droplet: call.params.droplet }),
      changeOptions,
    )
    .patch('/stop/:droplet', call => handleChange(call, { kind: 'stop', droplet: call.params.droplet }), changeOptions)
    .patch(
      '/restart/:droplet',
      call => handleChange(call, { kind: 'restart', droplet: call.params.droplet }),
      changeOptions,
    )
    .delete(
      '/delete/:droplet',
      call => handleChange(call, { kind: 'delete', droplet: call.params.droplet }),
      changeOptions,
    )
}

interface RouteContext {
  actor: Actor
  body: Fields
  user: User
  server: Server<unknown> | null
  request: Request
  set: { headers: HTTPHeaders }
}
