import { SQLiteError, Database as Sqlite } from 'bun:sqlite'
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { readEnv, toClientConfig } from '../../../src/config/config.ts'
import { ClientError } from '../../../src/core/errors.ts'
import { toFlags } from '../../shared/flags.ts'

/** A login, stored between commands. */
export interface ClientSession {
  /** The server's address, without a trailing slash. */
  url: string
  username: string
  accessToken: string
  /** Milliseconds since 1970. */
  accessExpiresAt: number
  refreshToken: string
  /** A certificate authority to trust, in PEM. */
  ca?: string
}

export type SessionFile = ReturnType<typeof createSessionFile>

/** A login in a file that only its owner can read (0600). */
function createSessionFile(path: string) {
  return {
    /** @throws ClientError if the file is missing or unreadable */
    read(): ClientSession {
      try {
        const session: ClientSession = JSON.parse(readFileSync(path, 'utf8'))
        return session
      } catch (cause) {
        throw new ClientError('notLoggedIn', 'You are not logged in: run cikit-api login URL', { cause })
      }
    },

    /** Replaces the file atomically. */
    write(session: ClientSession): void {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
      const tempPath = `${path}.${process.pid}`
      rmSync(tempPath, { force: true })
      writeFileSync(tempPath, `${JSON.stringify(session)}\n`, { mode: 0o600, flag: 'wx', flush: true })
      chmodSync(tempPath, 0o600)
      renameSync(tempPath, path)
    },

    remove: (): void => rmSync(path, { force: true }),

    /**
     * Runs `work` under a lock shared by all commands that use this file. SQLite's lock is used because the kernel
     * releases it when the process ends.
     */
    async withLock<T>(work: () => Promise<T>): Promise<T> {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
      const lock = new Sqlite(`${path}.lock`)
      try {
        lock.run('PRAGMA busy_timeout = 15000')
        lock.run('BEGIN EXCLUSIVE')
        return await work()
      } catch (error) {
        if (!(error instanceof SQLiteError)) throw error
        throw new ClientError('refused', `The login in ${path} is locked by another command: try again`, {
          cause: error,
        })
      } finally {
        lock.close()
      }
    },
  }
}

/** The login that a client command uses. */
export function sessionFileOf(args: Record<string, unknown>): SessionFile {
  return createSessionFile(toClientConfig(toFlags(args), readEnv()).sessionFile)
}
