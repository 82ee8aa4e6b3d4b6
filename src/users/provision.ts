import type { AccountDeps } from '../auth/account-deps.ts'
import { type Enrolment, toEnrolment } from '../auth/enrolment-details.ts'
import { createRecoveryCodes, hashRecoveryCode } from '../auth/recovery-codes.ts'
import type { Actor } from '../core/actor.ts'
import { ApiError, OperatorError } from '../core/errors.ts'
import type { Group } from '../core/groups.ts'
import type { Secret } from '../core/secret.ts'
import type { Account, User } from '../store/users.ts'

/** The `create-user` command of the host: creates a user, or resets an existing one. */
export function createProvision(
  deps: AccountDeps & { createAccount: (username: string, group: Group, id: string) => Promise<Account> },
) {
  const { db, users, sessions, enrolments, throttle, audit, secretBox, random, hostLabel, createAccount } = deps

  /**
   * Creates a new user. An existing user loses all sessions and keeps the secret, or with `regenerate` gets a new secret
   * and the given group. Recovery codes come with a new secret.
   * @throws ApiError 906 for a second owner
   * @throws OperatorError if the user is in another group, the username differs only in case, or the owner would be lost
   */
  return async (
    actor: Actor,
    username: string,
    group: Group,
    regenerate: boolean,
  ): Promise<Enrolment & { recoveryCodes?: Secret[] }> => {
    const id = users.find(username)?.id ?? crypto.randomUUID()
    const newAccount = await createAccount(username, group, id)
    const recoveryCodes = createRecoveryCodes(random)
    const hashes = recoveryCodes.map(code => hashRecoveryCode(id, code.reveal()))
    const provisioned = await db.write(() => {
      secretBox.requireCurrent(newAccount.encryptedSecret)
      audit.record(actor, username)
      const existing = users.find(username)
      if (!existing) {
        users.insert(newAccount)
        enrolments.replaceCodes(id, hashes)
        return newAccount
      }
      rejectConflict(existing, username, group, regenerate)
      // Another process may have created the user since: the new secret is bound to a different id.
      if (regenerate && existing.id !== id) throw new ApiError('usernameTaken')
      if (regenerate) {
        users.updateGroupAndSecret(id, group, newAccount.encryptedSecret)
        enrolments.replaceCodes(id, hashes)
      }
      sessions.removeAllOfUser(existing.id)
      enrolments.cancel(existing.id)
      throttle.unlock(username)
      return regenerate ? newAccount : existing
    })
    const secret = await secretBox.decrypt(provisioned.encryptedSecret, provisioned.id)
    const enrolment = toEnrolment(provisioned, secret, hostLabel)
    return provisioned === newAccount ? { ...enrolment, recoveryCodes } : enrolment
  }
}

function rejectConflict(existing: User, username: string, group: Group, regenerate: boolean): void {
  if (existing.username !== username) {
    throw new OperatorError(
      `The user "${existing.username}" already exists, and usernames must differ in more than case: choose another one`,
    )
  }
  if (existing.group === group) return
  if (!regenerate) {
    throw new OperatorError(
      `The user "${username}" is in the group ${existing.group}: use -g ${existing.group}, or -r to create a new secret and change the group to ${group}`,
    )
  }
  if (existing.group === 'owner') {
    throw new OperatorError(`The user "${username}" is the owner, and a system must always have one: use -g owner`)
  }
}
