import type { Database } from './database.ts'

/** A new secret that was shown and has not taken effect. */
export interface PendingSecret {
  sealedSecret: Uint8Array
  /** Milliseconds since 1970. */
  expiresAt: number
}

export type EnrolmentStore = ReturnType<typeof createEnrolmentStore>

/** Secrets on their way to users, and recovery codes. Whatever changes them must run inside `database.write`. */
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
    'SELECT secret AS sealedSecret, expires_at AS expiresAt FROM enrolments WHERE user_id = ? AND secret IS NOT NULL',
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
    /** Begins an enrolment in the place of an earlier one. */
    issue(userId: string, tokenHash: Uint8Array, expiresAt: number): void {
      deleteCodes.run(userId, 1)
      insertLink.run(userId, tokenHash, expiresAt)
    },

    findByToken: (tokenHash: Uint8Array) => selectByToken.get(tokenHash) ?? undefined,

    /** The link is used up, and this is what was shown for it. */
    redeem(userId: string, pending: PendingSecret, codeHashes: Uint8Array[]): void {
      updateSecret.run(pending.sealedSecret, pending.expiresAt, userId)
      for (const hash of codeHashes) insertCode.run(userId, hash, 1)
    },

    findPendingSecret: (userId: string): PendingSecret | undefined => selectPending.get(userId) ?? undefined,

    /** What was shown with the secret counts from now on, and what counted before does not. */
    activate(userId: string): void {
      deleteEnrolment.run(userId)
      deleteCodes.run(userId, 0)
      activateCodes.run(userId)
    },

    /** Ends an enrolment without its taking effect. */
    cancel(userId: string): void {
      deleteEnrolment.run(userId)
      deleteCodes.run(userId, 1)
    },

    /** The same, and gives the user other recovery codes. */
    replaceCodes(userId: string, codeHashes: Uint8Array[]): void {
      deleteEnrolment.run(userId)
      for (const pending of [0, 1] as const) deleteCodes.run(userId, pending)
      for (const hash of codeHashes) insertCode.run(userId, hash, 0)
    },

    /** Other recovery codes count from now on; a link that is open goes on. */
    renewCodes(userId: string, codeHashes: Uint8Array[]): void {
      deleteCodes.run(userId, 0)
      for (const hash of codeHashes) insertCode.run(userId, hash, 0)
    },

    /** How many recovery codes of the user count. */
    countCodes: (userId: string): number => selectCodeCount.get(userId)?.count ?? 0,

    /** @returns whether the user had this recovery code; now it has it no more */
    consumeCode: (userId: string, hash: Uint8Array): boolean => deleteUsedCode.run(userId, hash).changes === 1,
  }
}
