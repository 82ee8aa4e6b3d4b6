import type { Audit } from '../audit/service.ts'
import type { Actor } from '../core/actor.ts'
import type { MonotonicWallClock } from '../core/clock.ts'
import type { EnrolmentStore } from '../store/enrolments.ts'
import type { RotatableSecretBox } from '../store/rotatable-secret-box.ts'
import type { SessionStore } from '../store/sessions.ts'
import type { User, UserStore } from '../store/users.ts'
import { matchingStep } from './totp.ts'

/** A new secret that was shown to the user and is not active yet. */
export interface PendingSecret {
  encryptedSecret: Uint8Array
  secret: Uint8Array<ArrayBuffer>
}

export type PendingSecrets = ReturnType<typeof createPendingSecrets>

/** Loads pending secrets, and activates them on their first valid code. */
export function createPendingSecrets(deps: {
  users: UserStore
  sessions: SessionStore
  enrolments: EnrolmentStore
  audit: Audit
  secretBox: RotatableSecretBox
  now: () => number
  monotonicWallClock: MonotonicWallClock
}) {
  const { users, sessions, enrolments, audit, secretBox, now, monotonicWallClock } = deps

  return {
    /** @returns the user's pending secret, decrypted */
    async pendingSecret(userId: string): Promise<PendingSecret | undefined> {
      const stored = enrolments.findPendingSecret(userId)
      return (
        stored && {
          encryptedSecret: stored.encryptedSecret,
          secret: await secretBox.decrypt(stored.encryptedSecret, userId),
        }
      )
    },

    /**
     * Replaces the user's secret by the pending one if the code is valid, and ends the user's sessions.
     * Runs inside `database.write`.
     * @returns whether the pending secret was activated
     */
    activate(actor: Actor, user: User, pending: PendingSecret, code: string): boolean {
      const current = enrolments.findPendingSecret(user.id)
      const step = matchingStep(pending.secret, code, now())
      if (!current || step === undefined || current.expiresAt <= monotonicWallClock()) return false
      // Another link may have replaced the pending secret since it was decrypted.
      if (!Buffer.from(current.encryptedSecret).equals(pending.encryptedSecret)) return false
      users.replaceSecret(user.id, current.encryptedSecret, step)
      enrolments.activate(user.id)
      sessions.removeAllOfUser(user.id)
      audit.record({ ...actor, action: 'user.enrolled' }, user.username)
      return true
    },
  }
}
