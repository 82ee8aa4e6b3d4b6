import { describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createBackupSchedule, nameAt } from '../../src/backups/schedule.ts'
import { createLog } from '../../src/log.ts'
import { createClock } from '../_support/clock.ts'
import { modeOf } from '../_support/modes.ts'
import { tempDir } from '../_support/temp-dir.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

/** A directory for backups, a clock that is moved by hand, and one process after the other. */
function createPlace(keep = 3) {
  const dir = tempDir()
  const backups = join(dir.path, 'backups')
  const clock = createClock()
  const lines: string[] = []
  const log = createLog({ write: line => void lines.push(line), readable: false, now: clock.now })
  return {
    clock,
    lines,
    path: backups,
    names: () => (existsSync(backups) ? readdirSync(backups).toSorted() : []),
    put: (name: string) => writeFileSync(join(backups, name), ''),
    start: (write = async (file: string) => writeFileSync(file, 'a backup')) =>
      createBackupSchedule({ schedule: { everyMs: DAY, keep, dir: backups }, write, now: clock.now, log }),
    [Symbol.dispose]: dir[Symbol.dispose],
  }
}

test('the first is made at once, in a directory that is closed to others', async () => {
  using place = createPlace()
  await place.start().look()
  expect(place.names()).toEqual(['cikit-api-2026-01-02T030405Z.tar'])
  expect(modeOf(place.path)).toBe('700')
})

test('the next one when it is due, and not before', async () => {
  using place = createPlace()
  const schedule = place.start()
  await schedule.look()
  place.clock.move(DAY - 1_000)
  await schedule.look()
  expect([place.names().length, schedule.untilDue()]).toEqual([1, 1_000])
  place.clock.move(1_000)
  await schedule.look()
  expect(place.names()).toEqual(['cikit-api-2026-01-02T030405Z.tar', 'cikit-api-2026-01-03T030405Z.tar'])
})

test('when that is, a later process knows by the files', async () => {
  using place = createPlace()
  await place.start().look()
  place.clock.move(20 * HOUR)
  const later = place.start()
  await later.look()
  expect([place.names().length, later.untilDue()]).toEqual([1, 4 * HOUR])
  place.clock.move(5 * HOUR)
  await place.start().look()
  expect(place.names()).toHaveLength(2)
})

test('the newest are kept, and nothing else is ever removed', async () => {
  using place = createPlace(3)
  const schedule = place.start()
  await schedule.look()
  const others = [
    'cikit-api-2020.tar',
    'cikit-api-2020-01-01T000000Z.tar.gz',
    'before.tar',
    'cikit-api-2020-13-99T000000Z.tar',
  ]
  for (const name of others) place.put(name)
  for (let day = 0; day < 5; day++) {
    place.clock.move(DAY)
    await schedule.look()
  }
  const kept = [5, 6, 7].map(day => `cikit-api-2026-01-0${day}T030405Z.tar`)
  expect(place.names()).toEqual([...kept, ...others].toSorted())
})

test('one that was just made is kept, whatever else is there', async () => {
  using place = createPlace(1)
  mkdirSync(place.path)
  // Written while the clock was wrong.
  place.put('cikit-api-2036-01-01T000000Z.tar')
  await place.start().look()
  expect(place.names()).toEqual(['cikit-api-2026-01-02T030405Z.tar'])
})

describe('one that fails', () => {
  const failing = () => Promise.reject(new Error('no space left on device'))

  test('is told of with its reason, and removes nothing', async () => {
    using place = createPlace(1)
    await place.start().look()
    place.clock.move(DAY)
    await place.start(failing).look()
    expect(place.names()).toEqual(['cikit-api-2026-01-02T030405Z.tar'])
    expect(place.lines.map(line => JSON.parse(line))).toMatchObject([
      { level: 'info', message: 'backup written' },
      { level: 'error', message: 'the backup failed', error: 'no space left on device' },
    ])
  })

  test('is tried again after ten minutes', async () => {
    using place = createPlace()
    let works = false
    const schedule = place.start(async file => {
      if (!works) return await failing()
      writeFileSync(file, '')
    })
    await schedule.look()
    works = true
    await schedule.look()
    expect([place.names(), schedule.untilDue()]).toEqual([[], 600_000])
    place.clock.move(600_000)
    await schedule.look()
    expect(place.names()).toHaveLength(1)
  })

  test('a directory that cannot be read is told of, too', async () => {
    using place = createPlace()
    writeFileSync(place.path, '')
    await place.start().look()
    expect(place.lines.map(line => JSON.parse(line))).toMatchObject([{ level: 'error', message: 'the backup failed' }])
  })
})

test('it begins by itself, and closing ends what is being written, without a word of failure', async () => {
  using place = createPlace()
  const begun = Promise.withResolvers<void>()
  let ended = false
  const schedule = createBackupSchedule({
    schedule: { everyMs: DAY, keep: 1, dir: place.path },
    now: place.clock.now,
    log: createLog({ write: line => void place.lines.push(line), readable: false, now: place.clock.now }),
    async write(_, stop) {
      begun.resolve()
      await new Promise(resolve => stop.addEventListener('abort', resolve))
      ended = true
      throw new Error('stopped')
    },
  })
  schedule.start()
  await begun.promise
  await schedule.close()
  expect([ended, place.lines, place.names()]).toEqual([true, [], []])
})

test('names are sorted as the times are', () => {
  const times = [0, 999_999_000, 1_000_000_000_000, 1_800_000_000_000]
  expect(times.map(nameAt).toSorted()).toEqual(times.map(nameAt))
})
