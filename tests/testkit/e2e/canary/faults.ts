import { Database } from 'bun:sqlite'
import { join } from 'node:path'
import { errorResponse } from '../../docker/replies.ts'
import { type CanaryInstance, removeDroplets } from './canary-instance.ts'
import type { RecordedRequest } from './request-recorder.ts'
import { validRequest } from './valid-requests.ts'

/** Faults of the store and how to revert them. */
const storeFaults: Record<string, { apply: (sql: Database) => void; revert: (sql: Database) => void }> = {
  'every write to the store fails': {
    apply: sql =>
      forEachTable(
        sql,
        (table, event) => `
      CREATE TRIGGER forced_${table}_${event} BEFORE ${event} ON ${table} BEGIN SELECT RAISE(ABORT, 'forced'); END`,
      ),
    revert: sql => forEachTable(sql, (table, event) => `DROP TRIGGER forced_${table}_${event}`),
  },
  'the store is locked for longer than a write waits': {
    apply: sql => void sql.run('BEGIN IMMEDIATE'),
    revert: sql => void sql.run('ROLLBACK'),
  },
  'a table is gone': {
    apply: sql => void sql.run('ALTER TABLE users RENAME TO gone'),
    revert: sql => void sql.run('ALTER TABLE gone RENAME TO users'),
  },
  'secrets cannot be decrypted': {
    apply: sql => void sql.run("CREATE TABLE saved AS SELECT id, secret FROM users; UPDATE users SET secret = x'00ff'"),
    revert: sql =>
      void sql.run(
        'UPDATE users SET secret = (SELECT secret FROM saved WHERE saved.id = users.id) WHERE id IN (SELECT id FROM saved); DROP TABLE saved',
      ),
  },
}

/** Responses of a broken engine. The last one has an impossible date, which causes an internal error. */
const engineFaults: (() => Response)[] = [
  () => errorResponse(500, 'no space left on device'),
  () => new Response('{"message":', { status: 200 }),
  () => new Response('moved', { status: 301, headers: { location: '/elsewhere' } }),
  () => Response.json([{ Id: '0', Names: ['/cikit01'], State: 'running', Status: 'Up', Created: 1e20, Ports: [] }]),
]

/** Sends a valid request to every route with each fault of the store. */
export async function requestAllWithStoreFaults(instance: CanaryInstance): Promise<void> {
  using sql = new Database(join(instance.server.dataDir, 'cikit-api.db'), { readwrite: true })
  sql.run('PRAGMA busy_timeout = 5000')
  for (const { apply, revert } of Object.values(storeFaults)) {
    const requests: RecordedRequest[] = []
    for (const route of instance.routes) requests.push(await validRequest(instance, route))
    apply(sql)
    try {
      await Promise.all(requests.map(instance.recorder.send))
    } finally {
      revert(sql)
    }
  }
}

/** Sends a valid request to every droplet route with each fault of the engine, for each kind of engine request. */
export async function requestAllWithEngineFaults(instance: CanaryInstance): Promise<void> {
  for (const route of instance.routes.filter(name => name.includes('/droplet/'))) {
    for (const respond of engineFaults) {
      for (const pattern of [
        /^GET \/containers\/json/,
        /^(POST|PUT|DELETE) (?!\S+\/exec$|\/exec\/)/,
        /^GET \/info/,
        /^GET \/images/,
      ]) {
        const request = await validRequest(instance, route)
        instance.engine.respondNext(pattern, respond)
        await instance.recorder.send(request)
        instance.engine.clearOverrides()
      }
      await removeDroplets(instance)
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
