import type { Database } from './database.ts'

/** A new secret that was shown and is not active yet. */
export interface PendingSecret {
  encryptedSecret: Uint8Array
  /** Milliseconds since 1970. */
  expiresAt: number
}

export type EnrolmentStore = ReturnType<typeof createEnrolmentStore>

/** Enrolments and recovery codes. Changes must run inside `database.write`. */
export function createEnrolmentStore({ sql }: Database) {
  const insertLink = sql.query<null, [string, Uint8Array, number]>(
    'INSERT OR REPLACE INTO enrolments (user_id, token_hash, expires_at, secret) VALUES (?, ?, ?, NULL)',
  )
  const selectByToken = sql.query<{ userId: string; expiresAt: number; isShown: 0 | 1 }, [Uint8Array]>(
    'SELECT user_id AS userId, expires_at AS expiresAt, secret IS NOT NULL AS isShown FROM enrolments WHERE token_hash = ?',
  )
  const updateSecret = sql.query<null, [Uint8Array, number, string]>(
    'UPDATE enrolments SET secret = ?, expires_at = ? WHERE user_id = ?',
  )
  const selectPending = sql.query<PendingSecret, [string]>(
    'SELECT secret AS encryptedSecret, expires_at AS expiresAt FROM enrolments WHERE user_id = ? AND secret IS NOT NULL',
  )
  const deleteEnrolment = sql.query<null, [string]>('DELETE FROM enrolments WHERE user_id = ?')

  const insertCode = sql.query<null, [string, Uint8Array, 0 | 1]>(
    'INSERT INTO recovery_codes (user_id, hash, pending) VALUES (?, ?, ?)',
  )
  const deleteCodes = sql.query<null, [string, 0 | 1]>('DELETE FROM recovery_codes WHERE user_id = ? AND pending = ?')
  const activateCodes = sql.query<null, [string]>('UPDATE recovery_codes SET pending = 0 WHERE user_id = ?')
  const deleteUsedCode = sql.query<null, [string, Uint8Array]>(
    'DELETE FROM recovery_codes WHERE user_id = ? AND hash = ? AND pending = 0',
  )

  const selectCodeCount = sql.query<{ count: number }, [string]>(
    'SELECT count(*) AS count FROM recovery_codes WHERE user_id = ? AND pending = 0',
  )

  return {
    /** Starts an enrolment; replaces an earlier one. */
    issue(userId: string, tokenHash: Uint8Array, expiresAt: number): void {
      deleteCodes.run(userId, 1)
      insertLink.run(userId, tokenHash, expiresAt)
    },

    findByToken: (tokenHash: Uint8Array) => selectByToken.get(tokenHash) ?? undefined,

    /** Marks the link as used and stores the secret and codes that it shows. */
    redeem(userId: string, pending: PendingSecret, codeHashes: Uint8Array[]): void {
      updateSecret.run(pending.encryptedSecret, pending.expiresAt, userId)
      for (const hash of codeHashes) insertCode.run(userId, hash, 1)
    },

    findPendingSecret: (userId: string): PendingSecret | undefined => selectPending.get(userId) ?? undefined,

    /** Makes the recovery codes shown with the secret the valid ones. */
    activate(userId: string): void {
      deleteEnrolment.run(userId)
      deleteCodes.run(userId, 0)
      activateCodes.run(userId)
    },

    /** Ends an enrolment without activating it. */
    cancel(userId: string): void {
      deleteEnrolment.run(userId)
      deleteCodes.run(userId, 1)
    },

    /** Cancels the enrolment and replaces all recovery codes. */
    replaceCodes(userId: string, codeHashes: Uint8Array[]): void {
      deleteEnrolment.run(userId)
      for (const pending of [0, 1] as const) deleteCodes.run(userId, pending)
      for (const hash of codeHashes) insertCode.run(userId, hash, 0)
    },

    /** Replaces the valid recovery codes; an open link stays valid. */
    renewCodes(userId: string, codeHashes: Uint8Array[]): void {
      deleteCodes.run(userId, 0)
      for (const hash of codeHashes) insertCode.run(userId, hash, 0)
    },

    /** Number of valid recovery codes. */
    countCodes: (userId: string): number => selectCodeCount.get(userId)?.count ?? 0,

    /** Removes a recovery code. @returns whether it was valid */
    consumeCode: (userId: string, hash: Uint8Array): boolean => deleteUsedCode.run(userId, hash).changes === 1,
  }
}
