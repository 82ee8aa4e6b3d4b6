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

export const sshKeySection: TagSection = {
  name: 'SSH keys',
  description: 'Your public keys. Every droplet that you add afterwards accepts them.',
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
      description: 'At most 20. A key that exists already is not added again.',
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
      description: 'Existing droplets still accept it.',
      access: 'viewer',
      responses: { 200: sshKeyListResponse },
      errors: ['sshKeyNotFound'],
    },
  },
}
