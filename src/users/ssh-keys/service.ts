import type { Audit } from '../../audit/service.ts'
import type { Actor } from '../../core/actor.ts'
import { ApiError } from '../../core/errors.ts'
import type { Database } from '../../store/database.ts'
import type { SshKeyStore, StoredSshKey } from '../../store/ssh-keys.ts'
import type { User } from '../../store/users.ts'

const MAX_KEYS_PER_USER = 20

export type SshKeyService = ReturnType<typeof createSshKeyService>

/** The public SSH keys of a person, which are let into the droplets that it adds from then on. */
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

    /** The same as lines of `authorized_keys`. */
    authorizedKeysOf: (user: User): string[] => sshKeys.list(user.id).map(({ line }) => line),

    /**
     * One that is there already is no second one.
     * @param line `TYPE BASE64 COMMENT`
     * @throws ApiError 941 when the user has 20
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

    /** @throws ApiError 940 for one that is none of this user's */
    async remove(actor: Actor, user: User, id: string): Promise<void> {
      await db.write(() => {
        if (!sshKeys.remove(user.id, id)) throw new ApiError('sshKeyNotFound')
        audit.record(actor, id)
      })
    },
  }
}

/** Without its comment. */
function withoutComment(line: string): string {
  return line.split(' ', 2).join(' ')
}
