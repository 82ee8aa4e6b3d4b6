import { type Act, openAudit } from './audit/service.ts'
import { createAuthService } from './auth/service.ts'
import { createThrottle } from './auth/throttle.ts'
import type { AccessConfig, Config } from './config.ts'
import type { DropletEngine, EngineCall } from './droplets/engine.ts'
import { createHealthWatch } from './droplets/health.ts'
import { createDropletKeys } from './droplets/keys.ts'
import { createLiveDroplets } from './droplets/live.ts'
import { createDropletService } from './droplets/service.ts'
import { createDockerClient } from './engines/docker/client.ts'
import { createDockerEngine } from './engines/docker/engine.ts'
import { createCommands } from './exec/commands.ts'
import { createPlaces } from './exec/places.ts'
import { createTerminals } from './exec/terminals.ts'
import { createServerHealth } from './health/service.ts'
import { createUserImport } from './import/service.ts'
import { createSshKeyService } from './keyring/service.ts'
import type { Log } from './log.ts'
import { createLogService } from './logs/service.ts'
import { createOperations } from './operations/service.ts'
import { createSteadyClock } from './steady-clock.ts'
import { createClockMark } from './store/clock-mark.ts'
import { openDatabase } from './store/database.ts'
import { createEnrolmentStore } from './store/enrolments.ts'
import type { RandomBytes } from './store/key-file.ts'
import { rotateKey } from './store/key-rotation.ts'
import { createLaneStore } from './store/lanes.ts'
import { createOperationStore } from './store/operations.ts'
import { forgetWhatIsOver, type Restored } from './store/restored.ts'
import { isAnythingSealed, openSealer, sealingKeyFile } from './store/sealing-key.ts'
import { createSessionStore } from './store/sessions.ts'
import { createSshKeyStore } from './store/ssh-keys.ts'
import { createUnfinishedAdds } from './store/unfinished-adds.ts'
import { createUserStore } from './store/users.ts'
import { createEnrolmentService } from './users/enrolment.ts'
import { createUserService } from './users/service.ts'
import { version } from './version.ts'

export type Access = Awaited<ReturnType<typeof createAccess>>
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
  auditAnew?: { by: string }
}

/**
 * Users and sessions over the data directory: all that the commands on the host need, served at the same time or not.
 * @throws OperatorError when the data directory or the key cannot be used
 */
export async function createAccess(config: AccessConfig, overrides: Overrides = {}) {
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
      isFirstStart: !isAnythingSealed(db),
      now,
      random,
      isUser,
      ...(overrides.auditAnew && { anew: overrides.auditAnew }),
    })
    const sealer = await openSealer(db, config, random)
    const clockMark = createClockMark(db)
    const monotonic = overrides.monotonic ?? monotonicClock
    const steady = createSteadyClock(now, monotonic, clockMark.get())
    const throttle = createThrottle(createLaneStore(db), steady)
    const sessions = createSessionStore(db)
    const enrolments = createEnrolmentStore(db)
    const { hostLabel } = config
    const store = { db, users, sessions, enrolments, throttle, audit, sealer, now, steady, random, hostLabel }
    const enrolment = createEnrolmentService(store)
    const auth = await createAuthService({ ...store, enrolment })
    return {
      db,
      audit,
      auth,
      users: createUserService(store),
      enrolment,
      countLocks: throttle.countLocks,
      clock: {
        /** How late it was when that was noted last, in milliseconds since 1970. */
        noted: clockMark.get,
        /**
         * Notes how late it is, for the next process.
         * @throws ApiError 922
         */
        note: () => db.write(() => clockMark.set(steady())),
      },
      sshKeys: createSshKeyService({ ...store, sshKeys: createSshKeyStore(db) }),
      imported: createUserImport(store),
      /** As `rotateKey`: how many secrets there were. */
      rotateKey: (act: Act) => rotateKey(db, sealer, sealingKeyFile(config), random, () => audit.record(act, '')),
      /**
       * Ends what cannot go on in a database that was put back from an earlier time. For who has it alone.
       * @param from the time of the backup, milliseconds since 1970
       */
      async settleRestored(act: Act, from: number): Promise<Restored> {
        await audit.recordInterrupted()
        return await db.write(() => {
          audit.record(act, new Date(from).toISOString())
          // A clock that was set back must not bring a used code back.
          return forgetWhatIsOver(db, Math.max(now(), from))
        })
      },
      /**
       * What is to be done now and then: notes how late it is, for the next process, and forgets and settles what is due.
       * @throws ApiError 922 when the store cannot be written
       */
      async keepHouse(): Promise<void> {
        await db.write(() => {
          clockMark.set(steady())
          auth.removeExpired()
        })
        await audit.settle()
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
  const access = await createAccess(config, overrides)
  const { prefix, domain, credentialsDir } = config.droplets
  const random = overrides.random ?? systemRandom
  // Who does not want them loads none of it.
  const metrics = config.metrics && (await import('./metrics/service.ts')).createMetrics({ version, now })
  const engine = overrides.engine ?? createEngine(config, metrics?.engineCalled)
  const live = createLiveDroplets({ engine, monotonic: overrides.monotonic ?? monotonicClock, log })
  const health = createHealthWatch({ engine, live, monotonic: overrides.monotonic ?? monotonicClock, now, log })
  const { db, audit, clock } = access
  const operations = createOperations({ db, store: createOperationStore(db), audit, now, log })
  // With the bodies of events comes Elysia, which no command on the host has to wait for.
  const { createEventService } = await import('./events/service.ts')
  const events = createEventService({ ...access, live, operations, domain, now, random, log })
  const { createStatisticsService } = await import('./statistics/service.ts')
  const statistics = createStatisticsService({
    engine,
    live,
    auth: access.auth,
    monotonic: overrides.monotonic ?? monotonicClock,
    now,
    log,
  })
  const serverHealth = createServerHealth({ db, clock, live, log })
  metrics?.watch({ ...access, live, operations, events, serverHealth })
  live.start()
  health.start()
  statistics.start()
  const droplets = createDropletService({
    engine,
    live,
    keys: createDropletKeys(credentialsDir, random),
    unfinished: createUnfinishedAdds(db),
    operations,
    prefix,
    domain,
    now,
    log,
  })
  const within = {
    ...access,
    engine,
    droplets,
    places: createPlaces(),
    random,
    monotonic: overrides.monotonic ?? monotonicClock,
    now,
    log,
  }
  const commands = createCommands(within)
  const terminals = createTerminals(within)
  const logs = createLogService(within)
  return {
    ...access,
    config,
    droplets,
    commands,
    terminals,
    logs,
    events,
    statistics,
    serverHealth,
    operations,
    metrics,
    log,
    now,
    /** As that of the access, and for operations, too. */
    async keepHouse(): Promise<void> {
      await access.keepHouse()
      await db.write(operations.removeOld)
    },
    async close() {
      events.close()
      statistics.close()
      logs.close()
      await terminals.close()
      operations.close()
      health.close()
      serverHealth.close()
      metrics?.close()
      await droplets.close()
      await live.close()
      await access.close()
    },
  }
}

function createEngine(config: Config, called?: (call: EngineCall) => void): DropletEngine {
  const { image, prefix } = config.droplets
  return createDockerEngine(createDockerClient(config.engine, called), { image, prefix })
}

const monotonicClock = () => performance.now()

const systemRandom: RandomBytes = size => crypto.getRandomValues(new Uint8Array(size))
