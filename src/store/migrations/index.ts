import usersSessions from './0001-users-sessions.sql' with { type: 'text' }
import loginLocks from './0002-login-locks.sql' with { type: 'text' }
import audit from './0003-audit.sql' with { type: 'text' }
import enrolment from './0004-enrolment.sql' with { type: 'text' }
import keyRotation from './0005-key-rotation.sql' with { type: 'text' }
import limits from './0006-limits.sql' with { type: 'text' }
import operations from './0007-operations.sql' with { type: 'text' }
import sshKeys from './0008-ssh-keys.sql' with { type: 'text' }

export interface Migration {
  /** Its place in the order, from 1 on without gaps. */
  id: number
  name: string
  sql: string
}

/** All migrations in their order, inside the binary. One that was released is never changed. */
export const migrations: readonly Migration[] = [
  { id: 1, name: 'users-sessions', sql: usersSessions },
  { id: 2, name: 'login-locks', sql: loginLocks },
  { id: 3, name: 'audit', sql: audit },
  { id: 4, name: 'enrolment', sql: enrolment },
  { id: 5, name: 'key-rotation', sql: keyRotation },
  { id: 6, name: 'limits', sql: limits },
  { id: 7, name: 'operations', sql: operations },
  { id: 8, name: 'ssh-keys', sql: sshKeys },
]
