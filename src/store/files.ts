import { chmodSync, closeSync, existsSync, mkdirSync, openSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { CREDENTIALS_DIR } from '../config/config.ts'
import { errorMessage } from '../core/error-message.ts'
import { ConfigError, OperatorError } from '../core/errors.ts'

// All names in a data directory, except that of the SSH keys, which belongs to the configuration (CREDENTIALS_DIR).

export const DATABASE_FILE = 'cikit-api.db'
export const ENCRYPTION_KEY_FILE = 'sealing.key'
export const AUDIT_KEY_FILE = 'audit.key'
/** SQLite files beside the database. */
export const DATABASE_SIDECARS = ['-wal', '-shm', '-journal'].map(suffix => DATABASE_FILE + suffix)
/** A new encryption key, until it replaces the current one. */
export const NEXT_KEY_SUFFIX = '.new'
/** Locked by the serving process. */
export const SERVE_LOCK_FILE = 'serve.lock'
/** Process id and address of the serving process. */
export const LOCK_HOLDER_FILE = 'serve.json'
/** Directories of a restore in its three stages, and its plan: see restore-journal.ts. */
export const RESTORE_DRAFT_DIR = 'restore-draft'
export const RESTORE_READY_DIR = 'restore-ready'
export const RESTORE_PLACING_DIR = 'restore-placing'
export const RESTORE_PLAN_FILE = 'restore.json'
/** Prefix of the work directories of backups. */
export const BACKUP_WORK_NAME = 'backup'

const PRE_MIGRATION_PREFIX = 'before-migration-'

/** Entries that may exist before the first start: of a mount, and files that the operator put there. */
const ALLOWED_BEFORE_FIRST_START = new Set(['lost+found', CREDENTIALS_DIR, ENCRYPTION_KEY_FILE, AUDIT_KEY_FILE])
/** The first file that `serve` creates, and the first of the commands on the host. */
const CREATED_FIRST = [SERVE_LOCK_FILE, DATABASE_FILE]

export function databaseFile(dataDir: string): string {
  return join(dataDir, DATABASE_FILE)
}

/** Copy of the database from before this migration. */
export function preMigrationFile(dataDir: string, migration: number): string {
  return join(dataDir, `${PRE_MIGRATION_PREFIX}${migration}.db`)
}

/** The same, while it is being written by this process. */
export function preMigrationTempFile(dataDir: string): string {
  return join(dataDir, `before-migration.${process.pid}`)
}

/** The migrations from before which there are copies. */
export function listPreMigrationFiles(dataDir: string): number[] {
  return readdirSync(dataDir).flatMap(name => {
    const number =
      name.startsWith(PRE_MIGRATION_PREFIX) && /^\d+(?=\.db$)/.exec(name.slice(PRE_MIGRATION_PREFIX.length))
    return number ? Number(number[0]) : []
  })
}

/** Name of the directory for the data that a restore replaces. */
export function asideName(time: Date): string {
  return `before-restore-${time.toISOString().replaceAll(':', '')}`
}

export function isAsideName(name: string): boolean {
  return /^before-restore-[\w.-]+$/.test(name)
}

/**
 * Creates the data directory or uses an existing one, and restricts it to its owner (0700) regardless of the umask.
 * @throws OperatorError for a directory with foreign files: restricting `/etc` would break the host
 * @throws ConfigError for a path that cannot be used as a directory
 */
export function prepareDataDir(path: string): void {
  try {
    createDataDir(path)
  } catch (error) {
    if (error instanceof OperatorError) throw error
    const reason = errorMessage(error)
    throw new ConfigError(`--data-dir ${path} cannot be used (${reason}): name a directory that this user may write to`)
  }
}

function createDataDir(path: string): void {
  if (existsSync(path) && !CREATED_FIRST.some(name => existsSync(join(path, name)))) {
    const foreignEntries = readdirSync(path).filter(name => !ALLOWED_BEFORE_FIRST_START.has(name))
    if (foreignEntries.length > 0) {
      throw new OperatorError(
        `The directory ${path} is not empty and holds no cikit-api database: name a directory of its own with --data-dir`,
      )
    }
  }
  mkdirSync(path, { recursive: true, mode: 0o700 })
  chmodSync(path, 0o700)
}

/** Creates a file that only its owner may access (0600); `empty` empties an existing one, which is kept otherwise. */
export function createPrivateFile(path: string, options: { empty?: boolean } = {}): void {
  closeSync(openSync(path, options.empty ? 'w' : 'a', 0o600))
  chmodSync(path, 0o600)
}
