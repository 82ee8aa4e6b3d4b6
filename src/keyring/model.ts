import { t } from 'elysia'
import { fingerprintOf } from '../droplets/host-key.ts'
import { parseSshKeys } from '../droplets/ssh-keys.ts'
import { ApiError } from '../errors.ts'
import type { Fields } from '../http/body.ts'
import type { StoredSshKey } from '../store/ssh-keys.ts'

export const sshKeyBody = t.Object({
  id: t.String(),
  type: t.String(),
  comment: t.String(),
  fingerprint: t.String({ description: 'As ssh-keygen -l shows it: SHA256:…' }),
  created: t.String({ description: 'ISO 8601, UTC' }),
})

export const sshKeyList = t.Array(sshKeyBody, { description: 'Oldest first' })

export type SshKeyList = typeof sshKeyList.static

export function toSshKeyList(keys: readonly StoredSshKey[]): SshKeyList {
  return keys.map(({ id, line, createdAt }) => {
    const [type = '', , ...comment] = line.split(' ')
    const created = new Date(createdAt).toISOString()
    return { id, type, comment: comment.join(' '), fingerprint: fingerprintOf(line), created }
  })
}

/** @throws ApiError 917 */
export function parseSshKey({ ssh_key: input }: Fields): string {
  const [line, ...rest] = parseSshKeys(input)
  if (line === undefined || rest.length > 0) {
    throw new ApiError('malformed', { text: '"ssh_key" is one public key such as "ssh-ed25519 AAAA… name"' })
  }
  return line
}
