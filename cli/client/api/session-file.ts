import { SQLiteError, Database as Sqlite } from 'bun:sqlite'
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { readEnv, toClientConfig } from '../../../src/config/config.ts'
import { ClientError } from '../../../src/core/errors.ts'
import { toFlags } from '../../shared/flags.ts'

/** A login, as it is kept between two commands. */
export interface ClientSession {
  /** Of the server, without a slash at its end. */
  url: string
  username: string
  accessToken: string
  /** Milliseconds since 1970. */
  accessExpiresAt: number
  refreshToken: string
  /** A certificate authority of one's own, in PEM. */
  ca?: string
}

export type SessionFile = ReturnType<typeof createSessionFile>

/** One login in a file that only its owner may read (0600). */
export function createSessionFile(path: string) {
  return {
    /** @throws ClientError when there is none, or none that can be read */
    read(): ClientSession {
      try {
        return JSON.parse(readFileSync(path, 'utf8'))
      } catch (cause) {
        throw new ClientError('notLoggedIn', 'You are not logged in: cikit-api login URL', { cause })
      }
    },

    /** In the place of an earlier one: whoever reads gets the one or the other, and never half of it. */
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
     * Runs `work` while no other command does the same: a refresh token is for one use, and two at once would end the
     * session. The lock is SQLite's own, which the kernel drops with the process.
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
        throw new ClientError('refused', `The login in ${path} is in use by another command: try again`, {
          cause: error,
        })
      } finally {
        lock.close()
      }
    },
  }
}

/** The login by which a client command acts. */
export function sessionFileOf(args: Record<string, unknown>): SessionFile {
  return createSessionFile(toClientConfig(toFlags(args), readEnv()).sessionFile)
}
