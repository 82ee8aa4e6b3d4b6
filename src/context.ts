import type { Config } from './config/types.ts'
import type { Log } from './core/log.ts'
import { systemRandom } from './core/random.ts'
import { type CoreOverrides, createCoreContext, monotonicClock } from './core-context.ts'
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
import { createStatsService } from './droplets/stats/service.ts'
import { createDockerClient } from './engines/docker/client.ts'
import { createDockerEngine } from './engines/docker/engine.ts'
import { createEventService } from './events/service.ts'
import { createServerHealthChecker } from './monitoring/health/service.ts'
import { createOperationStore } from './store/operations.ts'
import { createProvisioningJournal } from './store/provisioning-journal.ts'
import { version } from './version.ts'

export type Context = Awaited<ReturnType<typeof createContext>>

/** Replacements for tests. */
export interface Overrides extends CoreOverrides {
  engine?: DropletEngine
}

/**
 * Everything that `serve` works with, built in one place. Nothing runs in the background before `start`.
 * @throws OperatorError as `createCoreContext`
 */
export async function createContext(config: Config, log: Log, overrides: Overrides = {}) {
  const { now = Date.now, monotonic = monotonicClock, random = systemRandom } = overrides
  const { prefix, domain, credentialsDir } = config.droplets
  // Disposed of in reverse order.
  await using stack = new AsyncDisposableStack()
  const core = await createCoreContext(config, overrides)
  stack.defer(core.close)
  const { db, audit, clock } = core
  // The Prometheus client is loaded only where metrics are wanted.
  const metrics = config.metrics && (await import('./monitoring/metrics/service.ts')).createMetrics({ version, now })
  const engine = overrides.engine ?? createEngine(config, metrics?.observeEngineCall)
  const informer = createDropletInformer({ engine, monotonic, log })
  stack.defer(informer.close)
  const operations = createOperations({ db, store: createOperationStore(db), audit, now, log })
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
  stack.defer(droplets.close)
  const serverHealth = createServerHealthChecker({ db, clock, informer, log })
  stack.defer(serverHealth.close)
  const healthChecker = createHealthChecker({ engine, informer, monotonic, now, log })
  stack.defer(healthChecker.close)
  // Closed before the droplets, so that operations which that interrupts stay unfinished in the store.
  stack.defer(operations.close)
  const slots = createConnectionSlots()
  const sessionDeps = { ...core, engine, droplets, slots, random, monotonic, now, log }
  const commands = createCommands(sessionDeps)
  const terminals = createTerminals(sessionDeps)
  stack.defer(terminals.close)
  const logs = createLogService(sessionDeps)
  stack.defer(logs.close)
  const stats = createStatsService({ engine, informer, auth: core.auth, monotonic, now, log })
  stack.defer(stats.close)
  const events = createEventService({ ...core, informer, operations, domain, now, random, log })
  stack.defer(events.close)
  metrics?.addSources({ ...core, informer, operations, events, serverHealth })
  if (metrics) stack.defer(metrics.close)
  const resources = stack.move()

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

    /** Starts all background work: connecting to the engine, polling, probing and sampling. */
    start(): void {
      for (const service of [informer, healthChecker, stats, events, terminals, logs, metrics]) service?.start()
    },

    /** Core maintenance, and removal of old operations. */
    async runMaintenance(): Promise<void> {
      await core.runMaintenance()
      await db.write(operations.removeOld)
    },

    close: (): Promise<void> => resources.disposeAsync(),
  }
}

function createEngine(config: Config, onCall?: (call: EngineCall) => void): DropletEngine {
  const { image, prefix } = config.droplets
  return createDockerEngine(createDockerClient(config.engine, onCall), { image, prefix })
}
