import { describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { backupFileName, createBackupSchedule } from '../../src/backups/schedule.ts'
import { createLog } from '../../src/core/log.ts'
import { fileMode } from '../testkit/file-modes.ts'
import { createManualClock } from '../testkit/manual-clock.ts'
import { tempDir } from '../testkit/temp-dir.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

/** A backup directory, a manual clock, and one process after another. */
function createScheduleHost(retainCount = 3) {
  const dir = tempDir()
  const backups = join(dir.path, 'backups')
  const clock = createManualClock()
  const lines: string[] = []
  const log = createLog({ write: line => void lines.push(line), readable: false, now: clock.now })
  return {
    clock,
    lines,
    path: backups,
    names: () => (existsSync(backups) ? readdirSync(backups).toSorted() : []),
    put: (name: string) => writeFileSync(join(backups, name), ''),
    start: (write = async (file: string) => writeFileSync(file, 'a backup')) =>
      createBackupSchedule({ schedule: { intervalMs: DAY, retainCount, dir: backups }, write, now: clock.now, log }),
    [Symbol.dispose]: dir[Symbol.dispose],
  }
}

test('writes the first backup at once, in a directory of mode 0700', async () => {
  using host = createScheduleHost()
  await host.start().runIfDue()
  expect(host.names()).toEqual(['cikit-api-2026-01-02T030405Z.tar'])
  expect(fileMode(host.path)).toBe('700')
})

test('writes the next one when it is due', async () => {
  using host = createScheduleHost()
  const schedule = host.start()
  await schedule.runIfDue()
  host.clock.advance(DAY - 1_000)
  await schedule.runIfDue()
  expect([host.names().length, schedule.msUntilDue()]).toEqual([1, 1_000])
  host.clock.advance(1_000)
  await schedule.runIfDue()
  expect(host.names()).toEqual(['cikit-api-2026-01-02T030405Z.tar', 'cikit-api-2026-01-03T030405Z.tar'])
})

test('a later process derives the due time from the files', async () => {
  using host = createScheduleHost()
  await host.start().runIfDue()
  host.clock.advance(20 * HOUR)
  const nextSchedule = host.start()
  await nextSchedule.runIfDue()
  expect([host.names().length, nextSchedule.msUntilDue()]).toEqual([1, 4 * HOUR])
  host.clock.advance(5 * HOUR)
  await host.start().runIfDue()
  expect(host.names()).toHaveLength(2)
})

test('retains the newest backups and removes no other files', async () => {
  using host = createScheduleHost(3)
  const schedule = host.start()
  await schedule.runIfDue()
  const others = [
    'cikit-api-2020.tar',
    'cikit-api-2020-01-01T000000Z.tar.gz',
    'before.tar',
    'cikit-api-2020-13-99T000000Z.tar',
  ]
  for (const name of others) host.put(name)
  for (let day = 0; day < 5; day++) {
    host.clock.advance(DAY)
    await schedule.runIfDue()
  }
  const retained = [5, 6, 7].map(day => `cikit-api-2026-01-0${day}T030405Z.tar`)
  expect(host.names()).toEqual([...retained, ...others].toSorted())
})

test('keeps the backup just written', async () => {
  using host = createScheduleHost(1)
  mkdirSync(host.path)
  // Written while the clock was wrong.
  host.put('cikit-api-2036-01-01T000000Z.tar')
  await host.start().runIfDue()
  expect(host.names()).toEqual(['cikit-api-2026-01-02T030405Z.tar'])
})

describe('a failed backup', () => {
  const failing = () => Promise.reject(new Error('no space left on device'))

  test('is logged with its reason and removes nothing', async () => {
    using host = createScheduleHost(1)
    await host.start().runIfDue()
    host.clock.advance(DAY)
    await host.start(failing).runIfDue()
    expect(host.names()).toEqual(['cikit-api-2026-01-02T030405Z.tar'])
    expect(host.lines.map(line => JSON.parse(line))).toMatchObject([
      { level: 'info', message: 'backup written' },
      { level: 'error', message: 'backup failed', error: 'no space left on device' },
    ])
  })

  test('is retried after ten minutes', async () => {
    using host = createScheduleHost()
    let shouldSucceed = false
    const schedule = host.start(async file => {
      if (!shouldSucceed) return await failing()
      writeFileSync(file, '')
    })
    await schedule.runIfDue()
    shouldSucceed = true
    await schedule.runIfDue()
    expect([host.names(), schedule.msUntilDue()]).toEqual([[], 600_000])
    host.clock.advance(600_000)
    await schedule.runIfDue()
    expect(host.names()).toHaveLength(1)
  })

  test('an unreadable directory is logged', async () => {
    using host = createScheduleHost()
    writeFileSync(host.path, '')
    await host.start().runIfDue()
    expect(host.lines.map(line => JSON.parse(line))).toMatchObject([{ level: 'error', message: 'backup failed' }])
  })
})

test('starts by itself, and close aborts a running backup without an error', async () => {
  using host = createScheduleHost()
  const started = Promise.withResolvers<void>()
  let aborted = false
  const schedule = createBackupSchedule({
    schedule: { intervalMs: DAY, retainCount: 1, dir: host.path },
    now: host.clock.now,
    log: createLog({ write: line => void host.lines.push(line), readable: false, now: host.clock.now }),
    async write(_, stop) {
      started.resolve()
      await new Promise(resolve => stop.addEventListener('abort', resolve))
      aborted = true
      throw new Error('stopped')
    },
  })
  schedule.start()
  await started.promise
  await schedule.close()
  expect([aborted, host.lines, host.names()]).toEqual([true, [], []])
})

test('names sort by time', () => {
  const times = [0, 999_999_000, 1_000_000_000_000, 1_800_000_000_000]
  expect(times.map(backupFileName).toSorted()).toEqual(times.map(backupFileName))
})
