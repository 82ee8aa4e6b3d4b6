import { chmodSync, closeSync, existsSync, mkdirSync, openSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { errorMessage } from '../core/error-message.ts'
import { ConfigError, OperatorError } from '../core/errors.ts'

/** What may lie in a data directory before we do: a mount's own folder, and what the operator put there for us. */
const ALLOWED_BEFORE_FIRST_START = new Set(['lost+found', 'credentials', 'sealing.key', 'audit.key'])
/** What is made first: by `serve` its lock, by the commands on the host the database. */
const CREATED_FIRST = ['serve.lock', 'cikit-api.db']

/**
 * Makes the data directory, or takes an existing one, and closes it to everybody else (0700) whatever the umask.
 * @throws OperatorError for a directory that is somebody else's: closing `/etc` to others would be no service
 * @throws ConfigError for a path that can be no directory of ours
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

export function databaseFile(dataDir: string): string {
  return join(dataDir, 'cikit-api.db')
}

/** Creates a file that only its owner may read (0600) whatever the umask; leaves an existing one, unless `empty` is asked. */
export function createPrivateFile(path: string, options: { empty?: boolean } = {}): void {
  closeSync(openSync(path, options.empty ? 'w' : 'a', 0o600))
  chmodSync(path, 0o600)
}
