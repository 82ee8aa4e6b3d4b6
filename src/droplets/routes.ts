import type { Server } from 'bun'
import { Elysia } from 'elysia'
import { requestId } from '../http/exchange.ts'
import type { Guard } from '../http/guards.ts'
import { withoutIdleLimit } from '../http/idle.ts'
import { withRequestId } from '../log.ts'
import { dropletList, toDropletList } from './model.ts'
import type { DropletService } from './service.ts'
import { parseSshKeys } from './ssh-keys.ts'

/** Every answer is the list as it is after the change. */
export function createDropletRoutes(guard: Guard, droplets: DropletService, now: () => number) {
  const list = async () => toDropletList(await droplets.list(), now())
  const listAfter = ({ server, request }: Call, change: () => Promise<void>) =>
    withoutIdleLimit(server, request, async () => {
      await withRequestId(requestId(request), change)
      return await list()
    })
  const viewer = { group: 'viewer', response: { 200: dropletList } } as const
  const manager = { group: 'manager', response: { 200: dropletList } } as const

  return new Elysia({ name: 'droplet-routes', prefix: '/droplet' })
    .use(guard)
    .get('/list', list, viewer)
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
