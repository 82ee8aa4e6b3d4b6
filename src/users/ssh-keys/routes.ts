import { Elysia } from 'elysia'
import type { Guard } from '../../api/http/guards.ts'
import { parseSshKey, sshKeyList, toSshKeyList } from './schema.ts'
import type { SshKeyService } from './service.ts'

/** The SSH keys of who asks. */
export function createSshKeyRoutes(guard: Guard, sshKeys: SshKeyService) {
  const routeOptions = { group: 'viewer', response: { 200: sshKeyList } } as const
  return new Elysia({ name: 'ssh-key-routes', prefix: '/user' })
    .use(guard)
    .get('/ssh-keys', ({ user }) => toSshKeyList(sshKeys.list(user)), routeOptions)
    .post(
      '/ssh-keys',
      async ({ caller, user }) => {
        await sshKeys.add(caller.actor, user, parseSshKey(caller.fields))
        return toSshKeyList(sshKeys.list(user))
      },
      routeOptions,
    )
    .delete(
      '/ssh-key/:key',
      async ({ caller, user, params }) => {
        await sshKeys.remove(caller.actor, user, params.key)
        return toSshKeyList(sshKeys.list(user))
      },
      routeOptions,
    )
}
