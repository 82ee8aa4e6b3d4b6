import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Actor } from '../../../src/core/actor.ts'
import { createLog } from '../../../src/core/log.ts'
import type { Droplet, DropletEngine } from '../../../src/droplets/engine.ts'
import { createDropletKeys } from '../../../src/droplets/keys.ts'
import { createOperations } from '../../../src/droplets/operations/service.ts'
import { createDropletService, type DropletChangeRequest } from '../../../src/droplets/service.ts'
import { openDatabase } from '../../../src/store/database.ts'
import { createOperationStore } from '../../../src/store/operations.ts'
import { createProvisioningJournal } from '../../../src/store/provisioning-journal.ts'
import { createManualClock } from '../manual-clock.ts'
import { memoryDir } from '../temp-dir.ts'
import { waitUntil } from '../wait-until.ts'
import { createTestDroplet } from './droplet.ts'
import { createMemoryEngine } from './memory-engine.ts'

/** Droplet services with one in-memory engine and one real store. A second service simulates a restart. */
export function createTestDropletHost() {
  const dir = memoryDir()
  const clock = createManualClock()
  const db = openDatabase(dir.path, { now: clock.now })
  const memoryEngine = createMemoryEngine(clock.now)
  const journal = createProvisioningJournal(db)
  const credentialsDir = join(dir.path, 'credentials')
  const keys = createDropletKeys(credentialsDir, size => crypto.getRandomValues(new Uint8Array(size)))
  const refreshes: { id: string; names: string[] }[] = []
  const services: { close: () => Promise<void> }[] = []
  const logLines: string[] = []
  const deferredWrites: { write: () => void; onStored: () => void }[] = []

  return {
    clock,
    db,
    memoryEngine,
    /** Performs the deferred writes. */
    async flushDeferredWrites(): Promise<void> {
      const writes = deferredWrites.splice(0)
      await db.write(() => {
        for (const { write } of writes) write()
      })
      for (const { onStored } of writes) onStored()
    },
    provisioningJournal: journal,
    keys,
    credentialsDir,

    /** @param overrides engine methods to replace */
    startService(overrides: Partial<DropletEngine> = {}) {
      const log = createLog({ write: line => void logLines.push(line), readable: false, now: clock.now })
      const audit = {
        recordStart: (actor: Actor) => ({ id: '', actor, time: clock.now() }),
        recordEnd: () => undefined,
        record: () => undefined,
        defer: (write: () => void, onStored: () => void) => void deferredWrites.push({ write, onStored }),
      }
      const operations = createOperations({ db, store: createOperationStore(db), audit, now: clock.now, log })
      const service = createDropletService({
        engine: { ...memoryEngine.engine, ...overrides },
        // Tests of the list are in informer.test.ts.
        informer: {
          list: async () => [],
          cachedList: () => [],
          refresh: async id => void refreshes.push({ id, names: memoryEngine.droplets.map(({ name }) => name) }),
        },
        keys,
        journal,
        operations,
        prefix: 'cikit',
        domain: 'matrix.test',
        now: clock.now,
        log,
      })
      /** Runs a change and waits for its outcome. */
      const run = async (actor: Actor, change: DropletChangeRequest): Promise<void> =>
        await operations.outcome((await service.change(actor, change)).id)
      const testService = {
        ...service,
        operations,
        add: (actor: Actor, sshKeys: string[] = []) => run(actor, { kind: 'add', sshKeys }),
        start: (actor: Actor, droplet: string) => run(actor, { kind: 'start', droplet }),
        stop: (actor: Actor, droplet: string) => run(actor, { kind: 'stop', droplet }),
        restart: (actor: Actor, droplet: string) => run(actor, { kind: 'restart', droplet }),
        remove: (actor: Actor, droplet: string) => run(actor, { kind: 'delete', droplet }),
        async close(): Promise<void> {
          operations.close()
          await service.close()
        },
      }
      services.push(testService)
      return testService
    },

    /** Waits until a line with this text has been logged. */
    waitForLog: (text: string): Promise<void> =>
      waitUntil(() => logLines.some(line => line.includes(text)), { what: `"${text}" in the log` }),

    /** Adds a droplet directly to the engine, optionally with the mark of an add. */
    addDroplet(name: string, mark?: string): Droplet {
      const droplet = createTestDroplet({ name, createdAt: clock.now() })
      memoryEngine.droplets.unshift({ ...droplet, ...(mark !== undefined && { mark }) })
      return droplet
    },

    /** Adds the journal entry of a crashed add. */
    async leaveOrphan(name: string, mark: string): Promise<void> {
      await journal.start({ mark, name, startedAt: clock.now() })
    },

    /** The informer's refreshes, each with the droplets that the engine had at that moment. */
    refreshes,

    names: () => memoryEngine.droplets.map(({ name }) => name),

    /** The key folders, sorted. */
    keyFolders: () => (existsSync(credentialsDir) ? readdirSync(credentialsDir).sort() : []),

    async [Symbol.asyncDispose]() {
      for (const service of services) await service.close()
      db.close()
      dir[Symbol.dispose]()
    },
  }
}
