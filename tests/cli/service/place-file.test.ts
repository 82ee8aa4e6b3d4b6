import { expect, test } from 'bun:test'
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { placeCopy, placeText } from '../../../cli/service/place-file.ts'
import { modeOf, umask } from '../../_support/modes.ts'
import { tempDir } from '../../_support/temp-dir.ts'

test('a text is placed with its mode whatever the umask, and a second time nothing is touched', () => {
  using dir = tempDir()
  using _ = umask(0o077)
  const file = join(dir.path, 'made/too/unit')
  expect(placeText(file, 'a\n', 0o644)).toBe(true)
  expect([readFileSync(file, 'utf8'), modeOf(file)]).toEqual(['a\n', '644'])
  const { ino, mtimeMs } = statSync(file)
  expect(placeText(file, 'a\n', 0o644)).toBe(false)
  expect(statSync(file)).toMatchObject({ ino, mtimeMs })
  chmodSync(file, 0o600)
  expect(placeText(file, 'a\n', 0o644)).toBe(true)
  expect(modeOf(file)).toBe('644')
})

test('a copy takes the place of what is there as another file, so that what runs goes on', async () => {
  using dir = tempDir()
  const [source, target] = [join(dir.path, 'new'), join(dir.path, 'program')]
  writeFileSync(source, 'second')
  writeFileSync(target, 'first!', { mode: 0o755 })
  writeFileSync(join(dir.path, '.program.new'), 'of a run that was interrupted')
  const { ino } = statSync(target)
  expect(await placeCopy(target, source, 0o755)).toBe(true)
  expect([readFileSync(target, 'utf8'), modeOf(target)]).toEqual(['second', '755'])
  expect(statSync(target).ino).not.toBe(ino)
  expect(readdirSync(dir.path).sort()).toEqual(['new', 'program'])
  expect(await placeCopy(target, source, 0o755)).toBe(false)
  expect(await placeCopy(target, target, 0o755)).toBe(false)
})
