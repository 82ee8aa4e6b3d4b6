import type { Server } from 'bun'
import { Elysia, type HTTPHeaders, status } from 'elysia'
import type { Act } from '../audit/service.ts'
import type { Config } from '../config.ts'
import type { Fields } from '../http/body.ts'
import { requestId } from '../http/exchange.ts'
import type { Guard } from '../http/guards.ts'
import { readClaim } from '../http/idempotency.ts'
import { withoutIdleLimit } from '../http/idle.ts'
import { readPreferences } from '../http/prefer.ts'
import { createToldText } from '../http/told-text.ts'
import type { SshKeyService } from '../keyring/service.ts'
import { withRequestId } from '../log.ts'
import { operationBody, toOperationBody } from '../operations/model.ts'
import type { Operations } from '../operations/service.ts'
import type { User } from '../store/users.ts'
import type { ListedDroplet } from './engine.ts'
import { type DropletList, dropletList, toDropletList } from './model.ts'
import type { DropletChange, DropletService } from './service.ts'
import { parseSshKeys } from './ssh-keys.ts'

/** Every change answers the list as it is after it, or, to who prefers not to wait, the operation. */
export function createDropletRoutes(
  guard: Guard,
  context: {
    droplets: DropletService
    operations: Operations
    sshKeys: Pick<SshKeyService, 'linesOf'>
    config: Pick<Config, 'droplets'>
    now: () => number
  },
) {
  const { droplets, operations, sshKeys, now } = context
  const { domain } = context.config.droplets
  // What is asked most often is not put together anew for each of many who ask at once.
  const { keep, afterHandle } = createToldText<DropletList>()
  let told: { of: readonly ListedDroplet[]; at: number; list: DropletList } | undefined
  const tell = (of: readonly ListedDroplet[]): DropletList => {
    const at = now()
    if (told?.of !== of || told.at !== at) told = { of, at, list: keep(toDropletList(of, { now: at, domain })) }
    return told.list
  }
  // Most often there is nothing to wait for.
  const list = async (): Promise<DropletList> => tell(droplets.listNow() ?? (await droplets.list()))
  const change = ({ caller, user, server, request, set }: Call, wanted: DropletChange) =>
    withoutIdleLimit(server, request, () =>
      withRequestId(requestId(request), async () => {
        const { respondAsync, waitSeconds } = readPreferences(request.headers.get('prefer'))
        const asked = [wanted.kind, 'droplet' in wanted ? wanted.droplet : '']
        const claim = readClaim(request, user.id, asked, caller.fields)
        const { id } = await droplets.change(caller.act, wanted, claim)
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
  // Those of the request first: they are checked before anything else.
  const keysFor = ({ caller, user }: Call) => [
    ...new Set([...parseSshKeys(caller.fields.ssh_keys), ...sshKeys.linesOf(user)]),
  ]
  const manager = { group: 'manager', response: { 200: dropletList, 202: operationBody } } as const

  return new Elysia({ name: 'droplet-routes', prefix: '/droplet' })
    .use(guard)
    .get('/list', list, { group: 'viewer', afterHandle })
    .post('/add', call => change(call, { kind: 'add', sshKeys: keysFor(call) }), manager)
    .patch('/start/:droplet', call => change(call, { kind: 'start', droplet: call.params.droplet }), manager)
    .patch('/stop/:droplet', call => change(call, { kind: 'stop', droplet: call.params.droplet }), manager)
    .patch('/restart/:droplet', call => change(call, { kind: 'restart', droplet: call.params.droplet }), manager)
    .delete('/delete/:droplet', call => change(call, { kind: 'delete', droplet: call.params.droplet }), manager)
}

interface Call {
  caller: { act: Act; fields: Fields }
  user: User
  server: Server<unknown> | null
  request: Request
  set: { headers: HTTPHeaders }
}
