import { expect, test } from 'bun:test'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { OperatorError } from '../../src/errors.ts'
import { takeServeLock } from '../../src/store/serve-lock.ts'
import { rollBackData } from '../../src/upgrade/roll-back.ts'
import { ACT } from '../_support/act.ts'
import { createMigrated, laterMigrations } from '../_support/later.ts'
import { modeOf } from '../_support/modes.ts'
import { accountOf } from '../_support/store.ts'

const act = { ...ACT, user: 'host:root', action: 'upgrade.rollback' }
const STEP_MS = 30_000

type Migrated = Awaited<ReturnType<typeof createMigrated>>

function rollBack({ dataDir, copy }: Migrated, ending = true) {
  return rollBackData({ dataDir }, copy, act, { ending, note: '2 to 1', migrations: laterMigrations })
}

test('the data of before comes back, and that of now is put aside', async () => {
  using data = await createMigrated()
  await data.later(({ db, users }) => db.write(() => users.insert(accountOf('bob'))))
  const aside = await rollBack(data)
  await data.now(({ users }) => expect(users.list().map(({ username }) => username)).toEqual(['ann']))
  expect(readdirSync(aside).sort()).toEqual(['audit.key', 'cikit-api.db'])
  for (const name of ['cikit-api.db', 'audit.key']) expect(modeOf(join(data.dataDir, name))).toBe('600')
  expect(existsSync(data.copy.path)).toBe(true)
  expect(readdirSync(data.dataDir).filter(name => name.startsWith('restore-'))).toEqual([])
})

test('the audit tells of it, and fits', async () => {
  using data = await createMigrated()
  await data.later(({ db, audit }) => db.write(() => audit.record(ACT, 'ann')))
  await rollBack(data)
  await data.now(({ audit }) => {
    expect(audit.verify().findings).toEqual([])
    const told = audit.records({}).map(({ user, action, target }) => `${user} ${action} ${target}`)
    expect(told).toEqual(['host:root upgrade.rollback 2 to 1', ' audit.begin '])
  })
})

test('sessions end, and no code of now or earlier counts again', async () => {
  using data = await createMigrated()
  const step = Math.floor(Date.now() / STEP_MS)
  await rollBack(data)
  await data.now(async ({ db, users, sessions }) => {
    const ann = users.find('ann')
    if (!ann) throw new Error('no ann')
    expect(sessions.list(ann.id, -1)).toEqual([])
    expect(await db.write(() => users.takeStep(ann, step))).toBe(false)
    expect(await db.write(() => users.takeStep(ann, step + 2))).toBe(true)
  })
})

test('a code that was used while the clock was ahead does not count again', async () => {
  using data = await createMigrated()
  const ahead = Math.floor(Date.now() / STEP_MS) + 100
  await data.later(({ db }) => void db.sql.run('UPDATE users SET last_step = ?', [ahead]))
  await data.later(({ db }) => void db.sql.run('UPDATE clock_mark SET time = 9000'))
  await rollBack(data)
  await data.now(async ({ db, users }) => {
    const ann = users.find('ann')
    if (!ann) throw new Error('no ann')
    expect(await db.write(() => users.takeStep(ann, ahead))).toBe(false)
    expect(db.sql.query('SELECT time FROM clock_mark').get()).toEqual({ time: 9000 })
  })
})

test('a recovery code that was used since is used', async () => {
  using data = await createMigrated()
  const { id } = accountOf('ann')
  await data.later(({ db, enrolments }) => db.write(() => void enrolments.useCode(id, Buffer.from('one'))))
  await rollBack(data)
  await data.now(async ({ db, enrolments }) => {
    expect(await db.write(() => enrolments.useCode(id, Buffer.from('one')))).toBe(false)
    expect(await db.write(() => enrolments.useCode(id, Buffer.from('two')))).toBe(true)
  })
})

test('a droplet that was finished since is not undone, and one that was not still is', async () => {
  using data = await createMigrated()
  await data.later(async ({ unfinished }) => {
    await unfinished.end('made-since')
    await unfinished.begin({ mark: 'left-over', name: 'cikit02', startedAt: 0 })
  })
  await rollBack(data)
  await data.now(({ unfinished }) => expect(unfinished.list().map(({ mark }) => mark)).toEqual(['left-over']))
})

test('where nothing was written since, nobody has to log in anew', async () => {
  using data = await createMigrated()
  await rollBack(data, false)
  await data.now(({ users, sessions }) => {
    expect(sessions.list(users.find('ann')?.id ?? '', -1).map(({ id }) => id)).toEqual(['first'])
  })
})

test('while somebody serves it is refused, and nothing is changed', async () => {
  using data = await createMigrated()
  const lock = takeServeLock(data.dataDir)
  await expect(rollBack(data)).rejects.toThrow(OperatorError)
  lock.release()
  await data.later(({ users }) => expect(users.list()).toHaveLength(1))
})
