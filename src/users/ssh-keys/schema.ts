import { t } from 'elysia'
import type { Fields } from '../../api/http/body.ts'
import { ApiError } from '../../core/errors.ts'
import type { StoredSshKey } from '../../store/ssh-keys.ts'
import { fingerprintOf } from './host-key.ts'
import { parseSshKeys } from './public-key.ts'

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
