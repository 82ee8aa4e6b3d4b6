import type { Audit } from '../audit/service.ts'
import { type Enrolment, toEnrolment } from '../auth/enrolment.ts'
import { createRecoveryCodes, hashRecoveryCode } from '../auth/recovery-codes.ts'
import type { Throttle } from '../auth/throttle.ts'
import { TOTP_SECRET_BYTES } from '../auth/totp.ts'
import type { Actor } from '../core/actor.ts'
import { ApiError, OperatorError } from '../core/errors.ts'
import type { Group } from '../core/groups.ts'
import type { RandomBytes } from '../core/random.ts'
import type { Secret } from '../core/secret.ts'
import type { Database } from '../store/database.ts'
import type { RotatableSecretBox } from '../store/encryption-key.ts'
import type { EnrolmentStore } from '../store/enrolments.ts'
import type { SessionStore } from '../store/sessions.ts'
import type { Account, User, UserStore } from '../store/users.ts'

export type UserService = ReturnType<typeof createUserService>

/** Who may log in, and with which secret. */
export function createUserService(deps: {
  db: Database
  users: UserStore
  sessions: SessionStore
  enrolments: EnrolmentStore
  throttle: Throttle
  audit: Audit
  secretBox: RotatableSecretBox
  now: () => number
  random: RandomBytes
  /** What authenticator apps show as the account's host. */
  hostLabel: string
}) {
  const { db, users, sessions, enrolments, throttle, audit, secretBox, now, random, hostLabel } = deps

  return {
    /** Oldest first. */
    list: (): readonly User[] => users.list(),

    /** @throws ApiError 914 for a username that is taken (in any case), 906 for a second owner */
    async add(actor: Actor, username: string, group: Group): Promise<void> {
      const account = await createAccount(username, group)
      await db.write(() => {
        secretBox.requireCurrent(account.sealedSecret)
        users.insert(account)
        audit.record(actor, username)
      })
    },

    /**
     * Puts a user into another group; its sessions stay, and have the rights of that one from the next request on.
     * @throws ApiError 903; 906 for the owner, and for who would be a second one
     */
    async changeGroup(actor: Actor, username: string, group: Group): Promise<void> {
      await db.write(() => {
        const account = requireAccount(username)
        if (account.group === 'owner' || group === 'owner') {
          throw new ApiError('ownerExists', {
            text: 'A system has exactly one owner: hand it over on the host, by cikit-api user hand-over',
          })
        }
        users.setGroup(account.id, group)
        audit.record(actor, username)
      })
    },

    /** @throws ApiError 903; 916 for the owner */
    async remove(actor: Actor, username: string): Promise<void> {
      await db.write(() => {
        const account = requireAccount(username)
        if (account.group === 'owner') throw new ApiError('ownerUndeletable')
        users.remove(account.id)
        audit.record(actor, username)
      })
    },

    /**
     * The secret of a user as it is. Whoever sees one is recorded.
     * @throws ApiError 903
     */
    async enrolmentOf(actor: Actor, username: string): Promise<Enrolment> {
      const account = requireAccount(username)
      await db.write(() => audit.record(actor, username))
      return toEnrolment(account, await secretBox.decrypt(account.sealedSecret, account.id), hostLabel)
    },

    /**
     * Lifts the locks on a user's login.
     * @throws ApiError 903
     */
    async unlock(actor: Actor, username: string): Promise<void> {
      await db.write(() => {
        throttle.unlock(requireAccount(username).username)
        audit.record(actor, username)
      })
    },

    /**
     * The same on the host, which lifts the locks on addresses as well: whoever is there is let back in.
     * @throws ApiError 903
     */
    async unlockOnHost(actor: Actor, username: string): Promise<void> {
      await db.write(() => {
        throttle.unlock(requireAccount(username).username)
        throttle.unlockAddresses()
        audit.record(actor, username)
      })
    },

    /**
     * Makes another user the owner; the old one becomes a manager. Both keep their sessions, whose rights change with
     * the next request.
     * @throws ApiError 903
     */
    async handOver(actor: Actor, username: string): Promise<void> {
      await db.write(() => {
        const newOwner = requireAccount(username)
        // The old one first: the table never holds two.
        for (const owner of users.list().filter(({ group }) => group === 'owner')) users.setGroup(owner.id, 'manager')
        users.setGroup(newOwner.id, 'owner')
        audit.record(actor, username)
      })
    },

    /**
     * What `create-user` does on the host: a new user is made; an existing one loses its sessions and keeps its
     * secret, or with `regenerate` gets a new one, and the group that was named. Recovery codes come with a new secret.
     * @throws ApiError 906 for a second owner
     * @throws OperatorError when the user is in another group, differs in case only, or the owner would be no owner
     */
    async provision(
      actor: Actor,
      username: string,
      group: Group,
      regenerate: boolean,
    ): Promise<Enrolment & { recoveryCodes?: Secret[] }> {
      const id = users.find(username)?.id ?? crypto.randomUUID()
      const newAccount = await createAccount(username, group, id)
      const recoveryCodes = createRecoveryCodes(random)
      const hashes = recoveryCodes.map(code => hashRecoveryCode(id, code.reveal()))
      const provisioned = await db.write(() => {
        secretBox.requireCurrent(newAccount.sealedSecret)
        audit.record(actor, username)
        const existing = users.find(username)
        if (!existing) {
          users.insert(newAccount)
          enrolments.replaceCodes(id, hashes)
          return newAccount
        }
        rejectConflictingUser(existing, username, group, regenerate)
        // Somebody else may have made the user in between: then what is sealed here is bound to another id.
        if (regenerate && existing.id !== id) throw new ApiError('usernameTaken')
        if (regenerate) {
          users.updateGroupAndSecret(id, group, newAccount.sealedSecret)
          enrolments.replaceCodes(id, hashes)
        }
        sessions.removeAllOfUser(existing.id)
        enrolments.cancel(existing.id)
        throttle.unlock(username)
        return regenerate ? newAccount : existing
      })
      const enrolment = toEnrolment(
        provisioned,
        await secretBox.decrypt(provisioned.sealedSecret, provisioned.id),
        hostLabel,
      )
      return provisioned === newAccount ? { ...enrolment, recoveryCodes } : enrolment
    },
  }

  function requireAccount(username: string): Account {
    const account = users.findExactly(username)
    if (!account) throw new ApiError('userNotFound')
    return account
  }

  async function createAccount(username: string, group: Group, id: string = crypto.randomUUID()): Promise<Account> {
    const sealedSecret = await secretBox.encrypt(random(TOTP_SECRET_BYTES), id)
    return { id, username, group, createdAt: now(), sealedSecret }
  }
}

function rejectConflictingUser(existing: User, username: string, group: Group, regenerate: boolean): void {
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
