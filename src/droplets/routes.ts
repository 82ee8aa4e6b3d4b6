import type { Server } from 'bun'
import { Elysia, type HTTPHeaders } from 'elysia'
import { requestId } from '../http/exchange.ts'
import type { Guard } from '../http/guards.ts'
import { withoutIdleLimit } from '../http/idle.ts'
import { withRequestId } from '../log.ts'
import type { Droplet } from './engine.ts'
import { type DropletList, dropletList, toDropletList } from './model.ts'
import type { DropletService } from './service.ts'
import { parseSshKeys } from './ssh-keys.ts'

/** Every answer is the list as it is after the change. */
export function createDropletRoutes(guard: Guard, droplets: DropletService, now: () => number) {
  /** As text, too: what is asked most often is not put together anew for each of many who ask at once. */
  let told: { of: readonly Droplet[]; at: number; list: DropletList; text: string } | undefined
  const list = async (): Promise<DropletList> => {
    const of = await droplets.list()
    const at = now()
    if (told?.of === of && told.at === at) return told.list
    const made = toDropletList(of, at)
    told = { of, at, list: made, text: JSON.stringify(made) }
    return made
  }
  const asText = ({ responseValue, set }: { responseValue: unknown; set: { headers: HTTPHeaders } }) => {
    if (told === undefined || responseValue !== told.list) return undefined
    return new Response(told.text, {
      headers: { ...set.headers, 'content-type': 'application/json' } as Record<string, string>,
    })
  }
  const listAfter = ({ server, request }: Call, change: () => Promise<void>) =>
    withoutIdleLimit(server, request, async () => {
      await withRequestId(requestId(request), change)
      return await list()
    })
  const manager = { group: 'manager', response: { 200: dropletList } } as const

  return new Elysia({ name: 'droplet-routes', prefix: '/droplet' })
    .use(guard)
    .get('/list', list, { group: 'viewer', mapResponse: asText })
    .post(
      '/add',
      call => listAfter(call, () => droplets.add(call.caller.act, parseSshKeys(call.caller.fields.ssh_keys))),
      manager,
    )
    .patch(
      '/start/:droplet',
      call => listAfter(call, () => droplets.start(call.caller.act, call.params.droplet)),
      manager,
    )
    .patch(
      '/stop/:droplet',
      call => listAfter(call, () => droplets.stop(call.caller.act, call.params.droplet)),
      manager,
    )
    .patch(
      '/restart/:droplet',
      call => listAfter(call, () => droplets.restart(call.caller.act, call.params.droplet)),
      manager,
    )
    .delete(
      '/delete/:droplet',
      call => listAfter(call, () => droplets.remove(call.caller.act, call.params.droplet)),
      manager,
    )
}

interface Call {
  server: Server<unknown> | null
  request: Request
}
