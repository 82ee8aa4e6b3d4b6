import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Droplet, DropletEngine } from '../../src/droplets/engine.ts'
import { createDropletKeys } from '../../src/droplets/keys.ts'
import { createDropletService } from '../../src/droplets/service.ts'
import { createLog } from '../../src/log.ts'
import { openDatabase } from '../../src/store/database.ts'
import { createUnfinishedAdds } from '../../src/store/unfinished-adds.ts'
import { createClock } from './clock.ts'
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
  const services: ReturnType<typeof createDropletService>[] = []
  const logged: string[] = []
  const waiting: { text: string; resolve: () => void }[] = []

  function write(line: string): void {
    logged.push(line)
    for (const { text, resolve } of waiting) if (line.includes(text)) resolve()
  }

  return {
    clock,
    memory,
    unfinished,
    keys,
    credentialsDir,

    /** @param changed the calls of the engine that behave in another way */
    startService(changed: Partial<DropletEngine> = {}) {
      const service = createDropletService({
        engine: { ...memory.engine, ...changed },
        // What is shown of them is told in live.test.ts.
        live: { list: async () => [], look: async () => undefined },
        keys,
        unfinished,
        audit: { during: (_act, _target, work) => work(() => {}) },
        prefix: 'cikit',
        domain: 'matrix.test',
        now: clock.now,
        log: createLog({ write, readable: false, now: clock.now }),
      })
      services.push(service)
      return service
    },

    /** Resolves when a line with this text was logged. */
    async untilLogged(text: string): Promise<void> {
      if (logged.some(line => line.includes(text))) return
      await new Promise<void>(resolve => waiting.push({ text, resolve }))
    },

    /** A droplet that is there without this program's doing, or with the mark of an add. */
    put(name: string, mark?: string): Droplet {
      const droplet: Droplet = {
        id: crypto.randomUUID().replaceAll('-', '').repeat(2),
        name,
        createdAt: clock.now(),
        startedAt: clock.now(),
        finishedAt: undefined,
        exitCode: 0,
        state: 'running',
        check: undefined,
        ports: {},
      }
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
