import { openAudit } from './audit/service.ts'
import { createEnrolmentService } from './auth/enrolment.ts'
import { createAuthService } from './auth/service.ts'
import { createThrottle } from './auth/throttle.ts'
import { createUserImport } from './backups/import/service.ts'
import type { Config, CoreConfig } from './config/config.ts'
import type { Actor } from './core/actor.ts'
import { createMonotonicWallClock } from './core/clock.ts'
import type { Log } from './core/log.ts'
import { type RandomBytes, systemRandom } from './core/random.ts'
import type { DropletEngine, EngineCall } from './droplets/engine.ts'
import { createCommands } from './droplets/exec/commands.ts'
import { createConnectionSlots } from './droplets/exec/slots.ts'
import { createTerminals } from './droplets/exec/terminals.ts'
import { createHealthChecker } from './droplets/health-checker.ts'
import { createDropletInformer } from './droplets/informer.ts'
import { createDropletKeys } from './droplets/keys.ts'
import { createLogService } from './droplets/logs/service.ts'
import { createOperations } from './droplets/operations/service.ts'
import { createDropletService } from './droplets/service.ts'
import { createDockerClient } from './engines/docker/client.ts'
import { createDockerEngine } from './engines/docker/engine.ts'
import { createServerHealthChecker } from './monitoring/health/service.ts'
import { createClockHighWaterMark } from './store/clock-high-water-mark.ts'
import { openDatabase } from './store/database.ts'
import { hasEncryptedSecrets, openSecretBox, sealingKeyFile } from './store/encryption-key.ts'
import { createEnrolmentStore } from './store/enrolments.ts'
import { createThrottleBucketStore } from './store/failure-counters.ts'
import { invalidateRestoredState, type RestoreSummary } from './store/invalidate-restored.ts'
import { rotateKey } from './store/key-rotation.ts'
import { createOperationStore } from './store/operations.ts'
import { createProvisioningJournal } from './store/provisioning-journal.ts'
import { createSessionStore } from './store/sessions.ts'
import { createSshKeyStore } from './store/ssh-keys.ts'
import { createUserStore } from './store/users.ts'
import { createUserService } from './users/service.ts'
import { createSshKeyService } from './users/ssh-keys/service.ts'
import { version } from './version.ts'

export type CoreContext = Awaited<ReturnType<typeof createCoreContext>>
export type Context = Awaited<ReturnType<typeof createContext>>

/** What a test may put in the place of the real thing, and what a command on the host may ask for. */
export interface Overrides {
  /** Milliseconds since 1970. */
  now?: () => number
  /** Milliseconds since some moment; goes on whatever happens to `now`. */
  monotonic?: () => number
  random?: RandomBytes
  engine?: DropletEngine
  /** As `openAudit`. */
  restartAudit?: { by: string }
}

/**
 * Users and sessions over the data directory: all that the commands on the host need, served at the same time or not.
 * @throws OperatorError when the data directory or the key cannot be used
 */
export async function createCoreContext(config: CoreConfig, overrides: Overrides = {}) {
  const now = overrides.now ?? Date.now
  const random = overrides.random ?? systemRandom
  const db = openDatabase(config.dataDir, { now })
  try {
    const users = createUserStore(db)
    const isUser = (username: string) => users.findExactly(username) !== undefined
    // Before anything is sealed, by which a first start is known.
    const audit = await openAudit({
      db,
      dataDir: config.dataDir,
      sealingKeyFile: sealingKeyFile(config),
      isFirstStart: !hasEncryptedSecrets(db),
      now,
      random,
      isUser,
      ...(overrides.restartAudit && { restart: overrides.restartAudit }),
    })
    const secretBox = await openSecretBox(db, config, random)
    const clockHighWaterMark = createClockHighWaterMark(db)
    const monotonic = overrides.monotonic ?? monotonicClock
    const monotonicWallClock = createMonotonicWallClock(now, monotonic, clockHighWaterMark.get())
    const throttle = createThrottle(createThrottleBucketStore(db), monotonicWallClock)
    const sessions = createSessionStore(db)
    const enrolments = createEnrolmentStore(db)
    const { hostLabel } = config
    const deps = {
      db,
      users,
      sessions,
      enrolments,
      throttle,
      audit,
      secretBox,
      now,
      monotonicWallClock,
      random,
      hostLabel,
    }
    const enrolment = createEnrolmentService(deps)
    const auth = await createAuthService({ ...deps, enrolment })
    return {
      db,
      audit,
      auth,
      users: createUserService(deps),
      enrolment,
      countLocks: throttle.countLocks,
      clock: {
        /** How late it was when that was noted last, in milliseconds since 1970. */
        highWaterMark: clockHighWaterMark.get,
        /**
         * Notes how late it is, for the next process.
         * @throws ApiError 922
         */
        saveHighWaterMark: () => db.write(() => clockHighWaterMark.raise(monotonicWallClock())),
      },
      sshKeys: createSshKeyService({ ...deps, sshKeys: createSshKeyStore(db) }),
      userImport: createUserImport(deps),
      /** As `rotateKey`: how many secrets there were. */
      rotateKey: (actor: Actor) =>
        rotateKey(db, secretBox, sealingKeyFile(config), random, () => audit.record(actor, '')),
      /**
       * Ends what cannot go on in a database that was put back from an earlier time. For who has it alone.
       * @param from the time of the backup, milliseconds since 1970
       */
      async invalidateRestored(actor: Actor, from: number): Promise<RestoreSummary> {
        await audit.recordInterrupted()
        return await db.write(() => {
          audit.record(actor, new Date(from).toISOString())
          // A clock that was set back must not bring a used code back.
          return invalidateRestoredState(db, Math.max(now(), from))
        })
      },
      /**
       * What is to be done now and then: notes how late it is, for the next process, and forgets and settles what is due.
       * @throws ApiError 922 when the store cannot be written
       */
      async runMaintenance(): Promise<void> {
        await db.write(() => {
          clockHighWaterMark.raise(monotonicWallClock())
          auth.removeExpired()
        })
        await audit.flush()
      },
      async close(): Promise<void> {
        await audit.close()
        db.close()
      },
    }
  } catch (error) {
    db.close()
    throw error
  }
}

/**
 * Everything that `serve` works with, built in one place.
 * @throws OperatorError as `createAccess`
 */
export async function createContext(config: Config, log: Log, overrides: Overrides = {}) {
  const now = overrides.now ?? Date.now
  const core = await createCoreContext(config, overrides)
  const { prefix, domain, credentialsDir } = config.droplets
  const random = overrides.random ?? systemRandom
  // Who does not want them loads none of it.
  const metrics = config.metrics && (await import('./monitoring/metrics/service.ts')).createMetrics({ version, now })
  const engine = overrides.engine ?? createEngine(config, metrics?.observeEngineCall)
  const informer = createDropletInformer({ engine, monotonic: overrides.monotonic ?? monotonicClock, log })
  const healthChecker = createHealthChecker({
    engine,
    informer,
    monotonic: overrides.monotonic ?? monotonicClock,
    now,
    log,
  })
  const { db, audit, clock } = core
  const operations = createOperations({ db, store: createOperationStore(db), audit, now, log })
  // With the bodies of events comes Elysia, which no command on the host has to wait for.
  const { createEventService } = await import('./events/service.ts')
  const events = createEventService({ ...core, informer, operations, domain, now, random, log })
  const { createStatsService } = await import('./droplets/stats/service.ts')
  const stats = createStatsService({
    engine,
    informer,
    auth: core.auth,
    monotonic: overrides.monotonic ?? monotonicClock,
    now,
    log,
  })
  const serverHealth = createServerHealthChecker({ db, clock, informer, log })
  metrics?.addSources({ ...core, informer, operations, events, serverHealth })
  informer.start()
  healthChecker.start()
  stats.start()
  const droplets = createDropletService({
    engine,
    informer,
    keys: createDropletKeys(credentialsDir, random),
    journal: createProvisioningJournal(db),
    operations,
    prefix,
    domain,
    now,
    log,
  })
  const sessionDeps = {
    ...core,
    engine,
    droplets,
    slots: createConnectionSlots(),
    random,
    monotonic: overrides.monotonic ?? monotonicClock,
    now,
    log,
  }
  const commands = createCommands(sessionDeps)
  const terminals = createTerminals(sessionDeps)
  const logs = createLogService(sessionDeps)
  return {
    ...core,
    config,
    droplets,
    commands,
    terminals,
    logs,
    events,
    stats,
    serverHealth,
    operations,
    metrics,
    log,
    now,
    /** As that of the access, and for operations, too. */
    async runMaintenance(): Promise<void> {
      await core.runMaintenance()
      await db.write(operations.removeOld)
    },
    async close() {
      events.close()
      stats.close()
      logs.close()
      await terminals.close()
      operations.close()
      healthChecker.close()
      serverHealth.close()
      metrics?.close()
      await droplets.close()
      await informer.close()
      await core.close()
    },
  }
}

function createEngine(config: Config, onCall?: (call: EngineCall) => void): DropletEngine {
  const { image, prefix } = config.droplets
  return createDockerEngine(createDockerClient(config.engine, onCall), { image, prefix })
}

const monotonicClock = () => performance.now()
