import { Elysia } from 'elysia'
import { emptyBody } from '../../api/http/fields.ts'
import type { Guard } from '../../api/http/guards.ts'
import { parseSshKeys } from './public-key.ts'
import { newSshKeyRequest, sshKeyList, toSshKeyList } from './schema.ts'
import type { SshKeyService } from './service.ts'

/** The SSH keys of the authenticated user. */
export function createSshKeyRoutes(guard: Guard, sshKeys: SshKeyService) {
  return new Elysia({ name: 'ssh-key-routes', prefix: '/user' })
    .use(guard)
    .get('/ssh-keys', ({ user }) => toSshKeyList(sshKeys.list(user)), {
      group: 'viewer',
      response: { 200: sshKeyList },
    })
    .post(
      '/ssh-keys',
      async ({ actor, user, body }) => {
        for (const key of parseSshKeys(body.ssh_key)) await sshKeys.add(actor, user, key)
        return toSshKeyList(sshKeys.list(user))
      },
      { group: 'viewer', body: newSshKeyRequest, response: { 200: sshKeyList } },
    )
    .delete(
      '/ssh-key/:key',
      async ({ actor, user, params }) => {
        await sshKeys.remove(actor, user, params.key)
        return toSshKeyList(sshKeys.list(user))
      },
      { group: 'viewer', body: emptyBody, response: { 200: sshKeyList } },
    )
}
