import { Elysia } from 'elysia'
import type { Guard } from '../http/guards.ts'
import { dropletList, toDropletList } from './model.ts'
import type { DropletService } from './service.ts'

/** Every answer is the list as it is after the change. */
export function createDropletRoutes(guard: Guard, droplets: DropletService, now: () => number) {
  const list = async () => toDropletList(await droplets.list(), now())
  const listAfter = async (change: Promise<void>) => {
    await change
    return await list()
  }
  const viewer = { group: 'viewer', response: { 200: dropletList } } as const
  const manager = { group: 'manager', response: { 200: dropletList } } as const

  return new Elysia({ name: 'droplet-routes', prefix: '/droplet' })
    .use(guard)
    .onTransform(({ server, request }) => {
      // A droplet may take longer than a connection may be silent.
      server?.timeout(request, 0)
    })
    .get('/list', list, viewer)
    .post('/add', () => listAfter(droplets.add()), manager)
    .patch('/start/:droplet', ({ params }) => listAfter(droplets.start(params.droplet)), manager)
    .patch('/stop/:droplet', ({ params }) => listAfter(droplets.stop(params.droplet)), manager)
    .patch('/restart/:droplet', ({ params }) => listAfter(droplets.restart(params.droplet)), manager)
    .delete('/delete/:droplet', ({ params }) => listAfter(droplets.remove(params.droplet)), manager)
}
