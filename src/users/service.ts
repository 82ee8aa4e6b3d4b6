import type { Act, Audit } from '../audit/service.ts'
import { createRecoveryCodes, hashRecoveryCode } from '../auth/recovery-codes.ts'
import type { Throttle } from '../auth/throttle.ts'
import { TOTP_SECRET_BYTES } from '../auth/totp.ts'
import { ApiError, OperatorError } from '../errors.ts'
import type { Secret } from '../secret.ts'
import type { Database } from '../store/database.ts'
import type { EnrolmentStore } from '../store/enrolments.ts'
import type { RandomBytes } from '../store/key-file.ts'
import type { KeptSealer } from '../store/sealing-key.ts'
import type { SessionStore } from '../store/sessions.ts'
import type { Account, Group, User, UserStore } from '../store/users.ts'
import { type Enrolment, toEnrolment } from './enrolment.ts'

export type UserService = ReturnType<typeof createUserService>

/** Who may log in, and with which secret. */
export function createUserService(deps: {
  db: Database
  users: UserStore
  sessions: SessionStore
  enrolments: EnrolmentStore
  throttle: Throttle
  audit: Audit
  sealer: KeptSealer
  now: () => number
  random: RandomBytes
  /** What authenticator apps show as the account's host. */
  hostLabel: string
}) {
  const { db, users, sessions, enrolments, throttle, audit, sealer, now, random, hostLabel } = deps

  return {
    /** Oldest first. */
    list: (): readonly User[] => users.list(),

    /** @throws ApiError 914 for a username that is taken (in any case), 906 for a second owner */
    async add(act: Act, username: string, group: Group): Promise<void> {
      const account = await createAccount(username, group)
      await db.write(() => {
        sealer.requireCurrent(account.sealedSecret)
        users.insert(account)
        audit.record(act, username)
      })
    },

    /**
     * Puts a user into another group; its sessions stay, and have the rights of that one from the next request on.
     * @throws ApiError 903; 906 for the owner, and for who would be a second one
     */
    async changeGroup(act: Act, username: string, group: Group): Promise<void> {
      await db.write(() => {
        const account = requireAccount(username)
        if (account.group === 'owner' || group === 'owner') {
          throw new ApiError('ownerExists', {
            text: 'A system has exactly one owner: hand it over on the host, by cikit-api user hand-over',
          })
        }
        users.setGroup(account.id, group)
        audit.record(act, username)
      })
    },

    /** @throws ApiError 903; 916 for the owner */
    async remove(act: Act, username: string): Promise<void> {
      await db.write(() => {
        const account = requireAccount(username)
        if (account.group === 'owner') throw new ApiError('ownerUndeletable')
        users.remove(account.id)
        audit.record(act, username)
      })
    },

    /**
     * The secret of a user as it is. Whoever sees one is recorded.
     * @throws ApiError 903
     */
    async enrolmentOf(act: Act, username: string): Promise<Enrolment> {
      const account = requireAccount(username)
      await db.write(() => audit.record(act, username))
      return toEnrolment(account, await sealer.open(account.sealedSecret, account.id), hostLabel)
    },

    /**
     * Lifts the locks on a user's login.
     * @throws ApiError 903
     */
    async unlock(act: Act, username: string): Promise<void> {
      await db.write(() => {
        throttle.unlock(requireAccount(username).username)
        audit.record(act, username)
      })
    },

    /**
     * The same on the host, which lifts the locks on addresses as well: whoever is there is let back in.
     * @throws ApiError 903
     */
    async unlockOnHost(act: Act, username: string): Promise<void> {
      await db.write(() => {
        throttle.unlock(requireAccount(username).username)
        throttle.unlockAddresses()
        audit.record(act, username)
      })
    },

    /**
     * Makes another user the owner; the old one becomes a manager. Both keep their sessions, whose rights change with
     * the next request.
     * @throws ApiError 903
     */
    async handOver(act: Act, username: string): Promise<void> {
      await db.write(() => {
        const heir = requireAccount(username)
        // The old one first: the table never holds two.
        for (const owner of users.list().filter(({ group }) => group === 'owner')) users.setGroup(owner.id, 'manager')
        users.setGroup(heir.id, 'owner')
        audit.record(act, username)
      })
    },

    /**
     * What `create-user` does on the host: a new user is made; an existing one loses its sessions and keeps its
     * secret, or with `regenerate` gets a new one, and the group that was named. Recovery codes come with a new secret.
     * @throws ApiError 906 for a second owner
     * @throws OperatorError when the user is in another group, differs in case only, or the owner would be no owner
     */
    async provision(
      act: Act,
      username: string,
      group: Group,
      regenerate: boolean,
    ): Promise<Enrolment & { recoveryCodes?: Secret[] }> {
      const id = users.find(username)?.id ?? crypto.randomUUID()
      const fresh = await createAccount(username, group, id)
      const recoveryCodes = createRecoveryCodes(random)
      const hashes = recoveryCodes.map(code => hashRecoveryCode(id, code.reveal()))
      const shown = await db.write(() => {
        sealer.requireCurrent(fresh.sealedSecret)
        audit.record(act, username)
        const existing = users.find(username)
        if (!existing) {
          users.insert(fresh)
          enrolments.replaceCodes(id, hashes)
          return fresh
        }
        refuseOtherUser(existing, username, group, regenerate)
        // Somebody else may have made the user in between: then what is sealed here is bound to another id.
        if (regenerate && existing.id !== id) throw new ApiError('usernameTaken')
        if (regenerate) {
          users.updateGroupAndSecret(id, group, fresh.sealedSecret)
          enrolments.replaceCodes(id, hashes)
        }
        sessions.removeAllOf(existing.id)
        enrolments.cancel(existing.id)
        throttle.unlock(username)
        return regenerate ? fresh : existing
      })
      const enrolment = toEnrolment(shown, await sealer.open(shown.sealedSecret, shown.id), hostLabel)
      return shown === fresh ? { ...enrolment, recoveryCodes } : enrolment
    },
  }

  function requireAccount(username: string): Account {
    const account = users.findExactly(username)
    if (!account) throw new ApiError('userNotFound')
    return account
  }

  async function createAccount(username: string, group: Group, id: string = crypto.randomUUID()): Promise<Account> {
    const sealedSecret = await sealer.seal(random(TOTP_SECRET_BYTES), id)
    return { id, username, group, createdAt: now(), sealedSecret }
  }
}

function refuseOtherUser(existing: User, username: string, group: Group, regenerate: boolean): void {
  if (existing.username !== username) {
    throw new OperatorError(`There is a user "${existing.username}" already, and names differ in more than case`)
  }
  if (existing.group === group) return
  if (!regenerate) {
    throw new OperatorError(
      `The user "${username}" is in the group ${existing.group}: use -g ${existing.group}, or -r to make a new secret and put it into ${group}`,
    )
  }
  if (existing.group === 'owner') {
    throw new OperatorError(`The user "${username}" is the owner, and a system is never without one: use -g owner`)
  }
}
