import { Database as Sqlite } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { existsSync, readdirSync } from 'node:fs'
import { checkStore } from '../../cli/host/doctor/store.ts'
import { ApiError } from '../../src/core/errors.ts'
import { createCoreContext } from '../../src/core-context.ts'
import { databaseFile, preMigrationFile } from '../../src/store/files.ts'
import { currentMigration, findPreMigrationBackup } from '../../src/store/pre-migration-backup.ts'
import { createProvisioningJournal } from '../../src/store/provisioning-journal.ts'
import { inspectSnapshot, writeSnapshot } from '../../src/store/snapshot.ts'
import { codeAt } from '../testkit/auth/totp.ts'
import { downgradeToDevelopmentBuild } from '../testkit/store/development-build.ts'
import { tempDir } from '../testkit/temp-dir.ts'

const actor = { user: 'root', address: 'host', action: 'test' }

/** A data directory of the last development build: users, sessions, an open enrolment, failures and audit records. */
async function createDevelopmentDataDir() {
  const dir = tempDir()
  const config = { dataDir: dir.path, hostLabel: 'matrix.test' }
  let time = Date.now()
  const context = await createCoreContext(config, { now: () => time, monotonic: () => time })
  const own = await context.users.provision(actor, 'own', 'owner', false)
  await context.users.provision(actor, 'ann', 'viewer', false)
  const logIn = (code: string) =>
    context.auth.login({ user: 'own', address: '192.0.2.1', action: 'user.auth' }, 'own', code, { agent: 'curl' })
  const first = await logIn(codeAt(own.secret.reveal(), time))
  const refreshed = await context.auth.refresh({ ...actor, address: '192.0.2.1' }, first.refresh.reveal())
  time += 30_000
  const second = await logIn(codeAt(own.secret.reveal(), time))
  await logIn('000000').catch(() => undefined)
  const anonymous = { user: 'ann', address: '198.51.100.7', action: 'user.auth' }
  await context.auth.login(anonymous, 'ann', '000000', { agent: 'curl' }).catch(() => undefined)
  context.audit.recordDenial(anonymous, '', new ApiError('codeRefused'), false)
  await createProvisioningJournal(context.db).start({ mark: 'orphan', name: 'cikit07', startedAt: time })
  await context.clock.saveHighWaterMark()
  await context.close()
  const rows = readRows(dir.path)
  downgradeToDevelopmentBuild(dir.path)
  const tokens = [refreshed, second].map(({ access }) => access.reveal())
  const now = () => time
  return { config, rows, tokens, now, dataDir: dir.path, [Symbol.dispose]: () => dir[Symbol.dispose]() }
}

/** All rows of all tables, except when the migrations were applied. */
function readRows(dataDir: string): Record<string, unknown[]> {
  using sql = new Sqlite(databaseFile(dataDir), { readwrite: true })
  const tables = sql.query<{ name: string }, []>(
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'sqlite_sequence' AND name <> 'schema_migrations'",
  )
  return Object.fromEntries(tables.all().map(({ name }) => [name, sql.query(`SELECT * FROM ${name}`).values()]))
}

test('a development build is converted with all its rows, after a copy', async () => {
  using development = await createDevelopmentDataDir()
  expect(currentMigration(development.dataDir)).toBe(0)
  const { now } = development
  const context = await createCoreContext(development.config, { now, monotonic: now })
  expect(context.audit.verify().findings).toEqual([])
  expect(context.users.list().map(({ username }) => username)).toEqual(['own', 'ann'])
  for (const token of development.tokens) expect(context.auth.authenticate(token).username).toBe('own')
  await context.close()
  expect(readRows(development.dataDir)).toEqual(development.rows)
  expect(currentMigration(development.dataDir)).toBe(1)
  using copy = new Sqlite(preMigrationFile(development.dataDir, 1), { readonly: true })
  expect(copy.query('SELECT max(id) AS id FROM migrations').get()).toEqual({ id: 8 })
})

test('the conversion happens once, and no release rolls back to its copy', async () => {
  using development = await createDevelopmentDataDir()
  await (await createCoreContext(development.config)).close()
  const files = readdirSync(development.dataDir).sort()
  await (await createCoreContext(development.config)).close()
  expect(readdirSync(development.dataDir).sort()).toEqual(files)
  for (const migration of [0, 1, 8]) expect(findPreMigrationBackup(development.dataDir, migration)).toBeUndefined()
})

test('the tables of a converted database are those of a new one', async () => {
  using development = await createDevelopmentDataDir()
  await (await createCoreContext(development.config)).close()
  using dir = tempDir()
  await (await createCoreContext({ dataDir: dir.path, hostLabel: 'matrix.test' })).close()
  const readSchema = (dataDir: string) => {
    using sql = new Sqlite(databaseFile(dataDir), { readwrite: true })
    return sql.query("SELECT type, name, sql FROM sqlite_schema WHERE name <> 'sqlite_sequence' ORDER BY name").all()
  }
  expect(readSchema(development.dataDir)).toEqual(readSchema(dir.path))
})

test.each([1, 7])('an early development build (migration %d) is rejected and not changed', async migration => {
  using development = await createDevelopmentDataDir()
  {
    using sql = new Sqlite(databaseFile(development.dataDir))
    sql.query('DELETE FROM migrations WHERE id > ?').run(migration)
  }
  await expect(createCoreContext(development.config)).rejects.toThrow(
    `early development build (migration ${migration} of 8): start it once with the last development build`,
  )
  expect(existsSync(preMigrationFile(development.dataDir, 1))).toBe(false)
  const findings = await checkStore(development.config)
  expect(findings).toContainEqual(
    expect.objectContaining({ check: 'migrations', status: 'failed', text: expect.stringContaining('start it once') }),
  )
})

test('doctor reports a development build and leaves it as it is', async () => {
  using development = await createDevelopmentDataDir()
  const findings = await checkStore(development.config)
  expect(findings.at(-1)).toMatchObject({
    check: 'migrations',
    status: 'warning',
    text: 'a development build wrote the database: the next start copies and converts it',
  })
  expect(currentMigration(development.dataDir)).toBe(0)
})

test('a snapshot of a development build is converted, the database itself is not', async () => {
  using development = await createDevelopmentDataDir()
  using dir = tempDir()
  const path = `${dir.path}/snapshot.db`
  writeSnapshot(development.dataDir, path)
  expect(inspectSnapshot(path)).toMatchObject({ migration: 1, keyHash: expect.any(Uint8Array) })
  expect(currentMigration(development.dataDir)).toBe(0)
})
