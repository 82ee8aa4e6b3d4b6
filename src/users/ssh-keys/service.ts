import type { Audit } from '../../audit/service.ts'
import type { Actor } from '../../core/actor.ts'
import { ApiError } from '../../core/errors.ts'
import type { Database } from '../../store/database.ts'
import type { SshKeyStore, StoredSshKey } from '../../store/ssh-keys.ts'
import type { User } from '../../store/users.ts'

const MAX_KEYS_PER_USER = 20

export type SshKeyService = ReturnType<typeof createSshKeyService>

/** Manages a user's public SSH keys, which are installed in the droplets that the user adds later. */
export function createSshKeyService(deps: {
  db: Database
  sshKeys: SshKeyStore
  audit: Pick<Audit, 'record'>
  now: () => number
}) {
  const { db, sshKeys, audit, now } = deps

  return {
    /** Oldest first. */
    list: (user: User): StoredSshKey[] => sshKeys.list(user.id),

    /** The keys as lines of `authorized_keys`, oldest first. */
    authorizedKeysOf: (user: User): string[] => sshKeys.list(user.id).map(({ line }) => line),

    /**
     * Adds a key, unless the user already has it.
     * @param line `TYPE BASE64 COMMENT`
     * @throws ApiError 941 if the user already has 20 keys
     */
    async add(actor: Actor, user: User, line: string): Promise<void> {
      await db.write(() => {
        const existing = sshKeys.list(user.id)
        if (existing.some(key => withoutComment(key.line) === withoutComment(line))) return
        if (existing.length >= MAX_KEYS_PER_USER) throw new ApiError('tooManySshKeys')
        const id = crypto.randomUUID()
        sshKeys.insert(user.id, { id, line, createdAt: now() })
        audit.record(actor, id)
      })
    },

    /** @throws ApiError 940 for an unknown key, and for a key of another user */
    async remove(actor: Actor, user: User, id: string): Promise<void> {
      await db.write(() => {
        if (!sshKeys.remove(user.id, id)) throw new ApiError('sshKeyNotFound')
        audit.record(actor, id)
      })
    },
  }
}

function withoutComment(line: string): string {
  return line.split(' ', 2).join(' ')
}
