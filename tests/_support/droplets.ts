import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Act } from '../../src/audit/service.ts'
import type { Droplet, DropletEngine } from '../../src/droplets/engine.ts'
import { createDropletKeys } from '../../src/droplets/keys.ts'
import { createDropletService, type DropletChange } from '../../src/droplets/service.ts'
import { createLog } from '../../src/log.ts'
import { createOperations } from '../../src/operations/service.ts'
import { openDatabase } from '../../src/store/database.ts'
import { createOperationStore } from '../../src/store/operations.ts'
import { createUnfinishedAdds } from '../../src/store/unfinished-adds.ts'
import { createClock } from './clock.ts'
import { aDroplet } from './droplet.ts'
import { createMemoryEngine } from './memory-engine.ts'
import { tempDir } from './temp-dir.ts'

/** Services of droplets over one memory engine and one real store: two of them are two processes, one after the other. */
export function createTestDroplets() {
  const dir = tempDir()
  const clock = createClock()
  const db = openDatabase(dir.path, { now: clock.now })
  const memory = createMemoryEngine(clock.now)
  const unfinished = createUnfinishedAdds(db)
  const credentialsDir = join(dir.path, 'credentials')
  const keys = createDropletKeys(credentialsDir, size => crypto.getRandomValues(new Uint8Array(size)))
  const services: { close: () => Promise<void> }[] = []
  const logged: string[] = []
  const late: { write: () => void; stored: () => void }[] = []
  const waiting: { text: string; resolve: () => void }[] = []

  function write(line: string): void {
    logged.push(line)
    for (const { text, resolve } of waiting) if (line.includes(text)) resolve()
  }

  return {
    clock,
    db,
    memory,
    /** Writes what could not be written. */
    async settleLate(): Promise<void> {
      const writes = late.splice(0)
      await db.write(() => {
        for (const { write } of writes) write()
      })
      for (const { stored } of writes) stored()
    },
    unfinished,
    keys,
    credentialsDir,

    /** @param changed the calls of the engine that behave in another way */
    startService(changed: Partial<DropletEngine> = {}) {
      const log = createLog({ write, readable: false, now: clock.now })
      const audit = {
        begin: (act: Act) => ({ id: '', act, time: clock.now() }),
        end: () => undefined,
        record: () => undefined,
        later: (write: () => void, stored: () => void) => void late.push({ write, stored }),
      }
      const operations = createOperations({ db, store: createOperationStore(db), audit, now: clock.now, log })
      const service = createDropletService({
        engine: { ...memory.engine, ...changed },
        // What is shown of them is told in live.test.ts.
        live: { list: async () => [], listNow: () => [], look: async () => undefined },
        keys,
        unfinished,
        operations,
        prefix: 'cikit',
        domain: 'matrix.test',
        now: clock.now,
        log,
      })
      /** As a caller that waits. */
      const run = async (act: Act, change: DropletChange): Promise<void> =>
        await operations.outcome((await service.change(act, change)).id)
      const started = {
        ...service,
        operations,
        add: (act: Act, sshKeys: string[] = []) => run(act, { kind: 'add', sshKeys }),
        start: (act: Act, droplet: string) => run(act, { kind: 'start', droplet }),
        stop: (act: Act, droplet: string) => run(act, { kind: 'stop', droplet }),
        restart: (act: Act, droplet: string) => run(act, { kind: 'restart', droplet }),
        remove: (act: Act, droplet: string) => run(act, { kind: 'delete', droplet }),
        async close(): Promise<void> {
          operations.close()
          await service.close()
        },
      }
      services.push(started)
      return started
    },

    /** Resolves when a line with this text was logged. */
    async untilLogged(text: string): Promise<void> {
      if (logged.some(line => line.includes(text))) return
      await new Promise<void>(resolve => waiting.push({ text, resolve }))
    },

    /** A droplet that is there without this program's doing, or with the mark of an add. */
    put(name: string, mark?: string): Droplet {
      const droplet = aDroplet({ name, createdAt: clock.now() })
      memory.droplets.unshift({ ...droplet, ...(mark !== undefined && { mark }) })
      return droplet
    },

    /** What an add that crashed left behind. */
    async leaveUnfinished(name: string, mark: string): Promise<void> {
      await unfinished.begin({ mark, name, startedAt: clock.now() })
    },

    names: () => memory.droplets.map(({ name }) => name),

    /** The folders of keys, sorted. */
    keyFolders: () => (existsSync(credentialsDir) ? readdirSync(credentialsDir).sort() : []),

    async [Symbol.asyncDispose]() {
      for (const service of services) await service.close()
      db.close()
      dir[Symbol.dispose]()
    },
  }
}
