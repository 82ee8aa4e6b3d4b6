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

/** A directory for backups, a clock that is moved by hand, and one process after the other. */
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

test('the first is made at once, in a directory that is closed to others', async () => {
  using host = createScheduleHost()
  await host.start().runIfDue()
  expect(host.names()).toEqual(['cikit-api-2026-01-02T030405Z.tar'])
  expect(fileMode(host.path)).toBe('700')
})

test('the next one when it is due, and not before', async () => {
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

test('when that is, a later process knows by the files', async () => {
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

test('the newest are kept, and nothing else is ever removed', async () => {
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

test('one that was just made is kept, whatever else is there', async () => {
  using host = createScheduleHost(1)
  mkdirSync(host.path)
  // Written while the clock was wrong.
  host.put('cikit-api-2036-01-01T000000Z.tar')
  await host.start().runIfDue()
  expect(host.names()).toEqual(['cikit-api-2026-01-02T030405Z.tar'])
})

describe('one that fails', () => {
  const failing = () => Promise.reject(new Error('no space left on device'))

  test('is told of with its reason, and removes nothing', async () => {
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

  test('is tried again after ten minutes', async () => {
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

  test('a directory that cannot be read is told of, too', async () => {
    using host = createScheduleHost()
    writeFileSync(host.path, '')
    await host.start().runIfDue()
    expect(host.lines.map(line => JSON.parse(line))).toMatchObject([{ level: 'error', message: 'backup failed' }])
  })
})

test('it begins by itself, and closing ends what is being written, without a word of failure', async () => {
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

test('names are sorted as the times are', () => {
  const times = [0, 999_999_000, 1_000_000_000_000, 1_800_000_000_000]
  expect(times.map(backupFileName).toSorted()).toEqual(times.map(backupFileName))
})
