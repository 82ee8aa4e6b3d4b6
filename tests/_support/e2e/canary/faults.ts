import { Database } from 'bun:sqlite'
import { join } from 'node:path'
import type { Asked } from './recorder.ts'
import { wellFormed } from './well.ts'
import { removeDroplets, type World } from './world.ts'

/** What goes wrong underneath, and how it is put right again. */
const storeFaults: Record<string, { begin: (sql: Database) => void; end: (sql: Database) => void }> = {
  'every write to the store fails': {
    begin: sql =>
      forEachTable(
        sql,
        (table, event) => `
      CREATE TRIGGER forced_${table}_${event} BEFORE ${event} ON ${table} BEGIN SELECT RAISE(ABORT, 'forced'); END`,
      ),
    end: sql => forEachTable(sql, (table, event) => `DROP TRIGGER forced_${table}_${event}`),
  },
  'the store is locked for longer than anybody waits': {
    begin: sql => void sql.run('BEGIN IMMEDIATE'),
    end: sql => void sql.run('ROLLBACK'),
  },
  'a table is gone': {
    begin: sql => void sql.run('ALTER TABLE users RENAME TO gone'),
    end: sql => void sql.run('ALTER TABLE gone RENAME TO users'),
  },
  'what was sealed does not open': {
    begin: sql => void sql.run("CREATE TABLE kept AS SELECT id, secret FROM users; UPDATE users SET secret = x'00ff'"),
    end: sql =>
      void sql.run(
        'UPDATE users SET secret = (SELECT secret FROM kept WHERE kept.id = users.id) WHERE id IN (SELECT id FROM kept); DROP TABLE kept',
      ),
  },
}

/** Answers of an engine that is broken, or says no. The last one is a date that no calendar has: an error of our own. */
const engineFaults: (() => Response)[] = [
  () => Response.json({ message: 'no space left on device' }, { status: 500 }),
  () => new Response('{"message":', { status: 200 }),
  () => new Response('moved', { status: 301, headers: { location: '/elsewhere' } }),
  () => Response.json([{ Id: '0', Names: ['/cikit01'], State: 'running', Status: 'Up', Created: 1e20, Ports: [] }]),
]

/** Every route well-formed, while the store fails in every way. */
export async function driveWithStoreFaults(world: World): Promise<void> {
  using sql = new Database(join(world.matrix.dataDir, 'cikit-api.db'), { readwrite: true })
  sql.run('PRAGMA busy_timeout = 5000')
  for (const { begin, end } of Object.values(storeFaults)) {
    const asked: Asked[] = []
    for (const route of world.routes) asked.push(await wellFormed(world, route))
    begin(sql)
    try {
      await Promise.all(asked.map(world.recorder.ask))
    } finally {
      end(sql)
    }
  }
}

/** Every route about droplets, while the engine fails at each thing that it is asked. */
export async function driveWithEngineFaults(world: World): Promise<void> {
  for (const route of world.routes.filter(name => name.includes('/droplet/'))) {
    for (const answer of engineFaults) {
      for (const asking of [
        /^GET \/containers\/json/,
        /^(POST|PUT|DELETE) (?!\S+\/exec$|\/exec\/)/,
        /^GET \/info/,
        /^GET \/images/,
      ]) {
        const asked = await wellFormed(world, route)
        world.engine.answerNext(asking, answer)
        await world.recorder.ask(asked)
        world.engine.forgetAnswers()
      }
      await removeDroplets(world)
    }
  }
}

function forEachTable(sql: Database, statement: (table: string, event: string) => string): void {
  const tables = sql.query<{ name: string }, []>(
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
  )
  for (const { name } of tables.all()) {
    for (const event of ['INSERT', 'UPDATE', 'DELETE']) sql.run(statement(name, event))
  }
}
