import type { ResponseDescription, TagSection } from '../../api/openapi/description.ts'
import { newSshKeyRequest, sshKeyList } from './schema.ts'

const sshKeyListResponse: ResponseDescription = {
  description: 'Your keys',
  schema: sshKeyList,
  example: [
    {
      id: '0d3a1f0e-57a4-4c8e-9a75-0f6f0a2f3f11',
      type: 'ssh-ed25519',
      comment: 'ann@laptop',
      fingerprint: 'SHA256:5kLsBbsYX56L…',
      created: '2026-11-23T13:39:10.571Z',
    },
  ],
}

/** What the document says of people's SSH keys. */
export const sshKeySection: TagSection = {
  name: 'SSH keys',
  description: 'Your public keys: they are let into every droplet that you add from then on.',
  models: { SshKeyList: sshKeyList },
  routes: {
    'GET /api/v1/user/ssh-keys': {
      summary: 'List your SSH keys',
      access: 'viewer',
      responses: { 200: sshKeyListResponse },
    },
    'POST /api/v1/user/ssh-keys': {
      operationId: 'userSshKeysAdd',
      summary: 'Add one of your SSH keys',
      description: '20 at most. One that is there already is not added a second time.',
      access: 'viewer',
      request: {
        schema: newSshKeyRequest,
        example: { ssh_key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGk7… ann@laptop' },
      },
      responses: { 200: sshKeyListResponse },
      errors: ['tooManySshKeys'],
    },
    'DELETE /api/v1/user/ssh-key/:key': {
      summary: 'Remove one of your SSH keys',
      description: 'Droplets that have it already keep it.',
      access: 'viewer',
      responses: { 200: sshKeyListResponse },
      errors: ['sshKeyNotFound'],
    },
  },
}
