import { expect, test } from 'bun:test'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { rollBackData } from '../../src/backups/roll-back.ts'
import { OperatorError } from '../../src/core/errors.ts'
import { acquireServeLock } from '../../src/store/serve-lock.ts'
import { TEST_ACTOR } from '../testkit/actor.ts'
import { STEP_MS } from '../testkit/auth/time-step.ts'
import { fileMode } from '../testkit/file-modes.ts'
import { createMigratedDataDir, laterMigrations } from '../testkit/store/later-release.ts'
import { createAccount } from '../testkit/store/test-store.ts'

const actor = { ...TEST_ACTOR, user: 'host:root', action: 'upgrade.rollback' }

type Migrated = Awaited<ReturnType<typeof createMigratedDataDir>>

function rollBack({ dataDir, backup }: Migrated, invalidate = true) {
  return rollBackData({ dataDir }, backup, actor, { invalidate, auditNote: '2 to 1', migrations: laterMigrations })
}

test('restores the copy and moves the current data aside', async () => {
  using data = await createMigratedDataDir()
  await data.withLaterRelease(({ db, users }) => db.write(() => users.insert(createAccount('bob'))))
  const aside = await rollBack(data)
  await data.withThisRelease(({ users }) => expect(users.list().map(({ username }) => username)).toEqual(['ann']))
  expect(readdirSync(aside).sort()).toEqual(['audit.key', 'cikit-api.db'])
  for (const name of ['cikit-api.db', 'audit.key']) expect(fileMode(join(data.dataDir, name))).toBe('600')
  expect(existsSync(data.backup.path)).toBe(true)
  expect(readdirSync(data.dataDir).filter(name => name.startsWith('restore-'))).toEqual([])
})

test('records the rollback in an intact audit log', async () => {
  using data = await createMigratedDataDir()
  await data.withLaterRelease(({ db, audit }) => db.write(() => audit.record(TEST_ACTOR, 'ann')))
  await rollBack(data)
  await data.withThisRelease(({ audit }) => {
    expect(audit.verify().findings).toEqual([])
    const records = audit.records({}).map(({ user, action, target }) => `${user} ${action} ${target}`)
    expect(records).toEqual(['host:root upgrade.rollback 2 to 1', ' audit.begin '])
  })
})

test('ends sessions and rejects codes of the current and earlier steps', async () => {
  using data = await createMigratedDataDir()
  const step = Math.floor(Date.now() / STEP_MS)
  await rollBack(data)
  await data.withThisRelease(async ({ db, users, sessions }) => {
    const ann = users.find('ann')
    if (!ann) throw new Error('no ann')
    expect(sessions.list(ann.id, -1)).toEqual([])
    expect(await db.write(() => users.consumeTimeStep(ann, step))).toBe(false)
    expect(await db.write(() => users.consumeTimeStep(ann, step + 2))).toBe(true)
  })
})

test('rejects a code that was used while the clock was ahead', async () => {
  using data = await createMigratedDataDir()
  const futureStep = Math.floor(Date.now() / STEP_MS) + 100
  await data.withLaterRelease(({ db }) => void db.sql.run('UPDATE users SET last_step = ?', [futureStep]))
  await data.withLaterRelease(({ db }) => void db.sql.run('UPDATE clock_high_water_mark SET time = 9000'))
  await rollBack(data)
  await data.withThisRelease(async ({ db, users }) => {
    const ann = users.find('ann')
    if (!ann) throw new Error('no ann')
    expect(await db.write(() => users.consumeTimeStep(ann, futureStep))).toBe(false)
    expect(db.sql.query('SELECT time FROM clock_high_water_mark').get()).toEqual({ time: 9000 })
  })
})

test('a recovery code used since the copy stays used', async () => {
  using data = await createMigratedDataDir()
  const { id } = createAccount('ann')
  await data.withLaterRelease(({ db, enrolments }) =>
    db.write(() => void enrolments.consumeCode(id, Buffer.from('one'))),
  )
  await rollBack(data)
  await data.withThisRelease(async ({ db, enrolments }) => {
    expect(await db.write(() => enrolments.consumeCode(id, Buffer.from('one')))).toBe(false)
    expect(await db.write(() => enrolments.consumeCode(id, Buffer.from('two')))).toBe(true)
  })
})

test('rolls back only adds that are still unfinished', async () => {
  using data = await createMigratedDataDir()
  await data.withLaterRelease(async ({ provisioningJournal }) => {
    await provisioningJournal.finish('unfinished-add')
    await provisioningJournal.start({ mark: 'left-over', name: 'cikit02', startedAt: 0 })
  })
  await rollBack(data)
  await data.withThisRelease(({ provisioningJournal }) =>
    expect(provisioningJournal.list().map(({ mark }) => mark)).toEqual(['left-over']),
  )
})

test('keeps sessions if nothing was written since the copy', async () => {
  using data = await createMigratedDataDir()
  await rollBack(data, false)
  await data.withThisRelease(({ users, sessions }) => {
    expect(sessions.list(users.find('ann')?.id ?? '', -1).map(({ id }) => id)).toEqual(['first'])
  })
})

test('rejects and changes nothing while the directory is served', async () => {
  using data = await createMigratedDataDir()
  const lock = acquireServeLock(data.dataDir)
  await expect(rollBack(data)).rejects.toThrow(OperatorError)
  lock.release()
  await data.withLaterRelease(({ users }) => expect(users.list()).toHaveLength(1))
})
