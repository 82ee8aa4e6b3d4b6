import type { AccountDeps } from '../auth/account-deps.ts'
import { type Enrolment, toEnrolment } from '../auth/enrolment-details.ts'
import { TOTP_SECRET_BYTES } from '../auth/totp.ts'
import type { Actor } from '../core/actor.ts'
import { ApiError } from '../core/errors.ts'
import type { Group } from '../core/groups.ts'
import type { Account, User } from '../store/users.ts'
import { createProvision } from './provision.ts'

export type UserService = ReturnType<typeof createUserService>

/** Manages users, their groups and their secrets. */
export function createUserService(deps: AccountDeps & { now: () => number }) {
  const { db, users, throttle, audit, secretBox, now, random, hostLabel } = deps

  return {
    /** Oldest first. */
    list: (): readonly User[] => users.list(),

    /** @throws ApiError 914 for a username that is taken (ignoring case), 906 for a second owner */
    async add(actor: Actor, username: string, group: Group): Promise<void> {
      const account = await createAccount(username, group)
      await db.write(() => {
        secretBox.requireCurrent(account.encryptedSecret)
        users.insert(account)
        audit.record(actor, username)
      })
    },

    /**
     * Changes a user's group. The user's sessions continue, with the new permissions from the next request on.
     * @throws ApiError 903; 906 if the user is or would become an owner
     */
    async changeGroup(actor: Actor, username: string, group: Group): Promise<void> {
      await db.write(() => {
        const account = requireAccount(username)
        if (account.group === 'owner' || group === 'owner') {
          throw new ApiError('ownerExists', {
            text: 'There is exactly one owner. To change it, run `cikit-api user hand-over` on the host.',
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
     * Returns a user's current secret. Each access is recorded in the audit log.
     * @throws ApiError 903
     */
    async enrolmentOf(actor: Actor, username: string): Promise<Enrolment> {
      const account = requireAccount(username)
      await db.write(() => audit.record(actor, username))
      return toEnrolment(account, await secretBox.decrypt(account.encryptedSecret, account.id), hostLabel)
    },

    /**
     * Removes the locks on a user's login.
     * @throws ApiError 903
     */
    async unlock(actor: Actor, username: string): Promise<void> {
      await db.write(() => {
        throttle.unlock(requireAccount(username).username)
        audit.record(actor, username)
      })
    },

    /**
     * Removes the locks on a user's login and on all addresses.
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
     * Makes another user the owner; the previous owner becomes a manager. Their sessions continue, with the new
     * permissions from the next request on.
     * @throws ApiError 903
     */
    async handOver(actor: Actor, username: string): Promise<void> {
      await db.write(() => {
        const newOwner = requireAccount(username)
        // The previous owner first: the table allows only one.
        for (const owner of users.list().filter(({ group }) => group === 'owner')) users.setGroup(owner.id, 'manager')
        users.setGroup(newOwner.id, 'owner')
        audit.record(actor, username)
      })
    },

    provision: createProvision({ ...deps, createAccount }),
  }

  function requireAccount(username: string): Account {
    const account = users.findExactly(username)
    if (!account) throw new ApiError('userNotFound')
    return account
  }

  async function createAccount(username: string, group: Group, id: string = crypto.randomUUID()): Promise<Account> {
    const encryptedSecret = await secretBox.encrypt(random(TOTP_SECRET_BYTES), id)
    return { id, username, group, createdAt: now(), encryptedSecret }
  }
}
