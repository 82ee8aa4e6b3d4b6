import { t } from 'elysia'
import { requestBody, textField } from '../../api/http/fields.ts'
import type { StoredSshKey } from '../../store/ssh-keys.ts'
import { fingerprintOf } from './host-key.ts'

const sshKeyBody = t.Object({
  id: t.String(),
  type: t.String(),
  comment: t.String(),
  fingerprint: t.String({ description: 'In the format of ssh-keygen -l: SHA256:…' }),
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

const SSH_KEY_TEXT = 'The "ssh_key" must be one public key such as "ssh-ed25519 AAAA… name"'

export const newSshKeyRequest = requestBody({
  ssh_key: textField({ errors: { invalid: ['malformed', SSH_KEY_TEXT] } }),
})
