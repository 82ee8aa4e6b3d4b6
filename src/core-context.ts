import { openAudit } from './audit/service.ts'
import { createEnrolmentService } from './auth/enrolment.ts'
import { createAuthService } from './auth/service.ts'
import { createThrottle } from './auth/throttle.ts'
import { createUserImport } from './backups/import/service.ts'
import type { CoreConfig } from './config/types.ts'
import type { Actor } from './core/actor.ts'
import { createMonotonicWallClock } from './core/clock.ts'
import { type RandomBytes, systemRandom } from './core/random.ts'
import { createClockHighWaterMark } from './store/clock-high-water-mark.ts'
import { openDatabase } from './store/database.ts'
import { encryptionKeyFile, hasEncryptedSecrets } from './store/encryption-key.ts'
import { createEnrolmentStore } from './store/enrolments.ts'
import { createThrottleBucketStore } from './store/failure-counters.ts'
import { invalidateRestoredState, type RestoreSummary } from './store/invalidate-restored.ts'
import { rotateKey } from './store/key-rotation.ts'
import { openSecretBox } from './store/rotatable-secret-box.ts'
import { createSessionStore } from './store/sessions.ts'
import { createSshKeyStore } from './store/ssh-keys.ts'
import { createUserStore } from './store/users.ts'
import { createUserService } from './users/service.ts'
import { createSshKeyService } from './users/ssh-keys/service.ts'

export type CoreContext = Awaited<ReturnType<typeof createCoreContext>>

/** Replacements for tests, and options of commands on the host. */
export interface CoreOverrides {
  /** Milliseconds since 1970. */
  now?: () => number
  /** Milliseconds since an arbitrary moment; unaffected by changes of the system clock. */
  monotonic?: () => number
  random?: RandomBytes
  /** As in `openAudit`. */
  restartAudit?: { by: string }
}

export const monotonicClock = () => performance.now()

/**
 * Users, sessions and the audit log over the data directory: all that the commands on the host need. The server may run
 * at the same time. Starts no timers.
 * @throws OperatorError when the data directory or the encryption key cannot be used
 */
export async function createCoreContext(config: CoreConfig, overrides: CoreOverrides = {}) {
  const { now = Date.now, monotonic = monotonicClock, random = systemRandom } = overrides
  await using stack = new AsyncDisposableStack()
  const db = openDatabase(config.dataDir, { now })
  stack.defer(db.close)
  const users = createUserStore(db)
  // Before the first secret is encrypted: a store without any is how a first start is recognised.
  const audit = await openAudit({
    db,
    dataDir: config.dataDir,
    encryptionKeyFile: encryptionKeyFile(config),
    isFirstStart: !hasEncryptedSecrets(db),
    now,
    random,
    isUser: username => users.findExactly(username) !== undefined,
    ...(overrides.restartAudit && { restart: overrides.restartAudit }),
  })
  stack.defer(audit.close)
  const secretBox = await openSecretBox(db, config, random)
  const clockHighWaterMark = createClockHighWaterMark(db)
  const monotonicWallClock = createMonotonicWallClock(now, monotonic, clockHighWaterMark.get())
  const throttle = createThrottle(createThrottleBucketStore(db), monotonicWallClock)
  const deps = {
    db,
    users,
    sessions: createSessionStore(db),
    enrolments: createEnrolmentStore(db),
    throttle,
    audit,
    secretBox,
    now,
    monotonicWallClock,
    random,
    hostLabel: config.hostLabel,
  }
  const enrolment = createEnrolmentService(deps)
  const auth = await createAuthService({ ...deps, enrolment })
  const resources = stack.move()

  return {
    db,
    audit,
    auth,
    users: createUserService(deps),
    enrolment,
    countLocks: throttle.countLocks,
    clock: {
      /** The latest time that was saved, in milliseconds since 1970. */
      highWaterMark: clockHighWaterMark.get,
      /**
       * Saves the current time as the floor of the next process's clock.
       * @throws ApiError 922
       */
      saveHighWaterMark: () => db.write(() => clockHighWaterMark.raise(monotonicWallClock())),
    },
    sshKeys: createSshKeyService({ ...deps, sshKeys: createSshKeyStore(db) }),
    userImport: createUserImport(deps),
    /** @returns the number of re-encrypted secrets */
    rotateKey: (actor: Actor) =>
      rotateKey(db, secretBox, encryptionKeyFile(config), random, () => audit.record(actor, '')),
    /**
     * Invalidates the sessions, codes and operations of a restored database. Needs exclusive access to the data directory.
     * @param from the time of the backup, milliseconds since 1970
     */
    async invalidateRestored(actor: Actor, from: number): Promise<RestoreSummary> {
      await audit.recordInterrupted()
      return await db.write(() => {
        audit.record(actor, new Date(from).toISOString())
        // If the clock was set back, codes used before the backup must stay used.
        return invalidateRestoredState(db, Math.max(now(), from))
      })
    },
    /**
     * Periodic maintenance: saves the clock's high-water mark, removes expired sessions and flushes the audit log.
     * @throws ApiError 922 when the store cannot be written
     */
    async runMaintenance(): Promise<void> {
      await db.write(() => {
        clockHighWaterMark.raise(monotonicWallClock())
        auth.removeExpired()
      })
      await audit.flush()
    },
    close: (): Promise<void> => resources.disposeAsync(),
  }
}
