import { expect, test } from 'bun:test'
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
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

test('what another content takes the place of is kept, as the last one only', async () => {
  using dir = tempDir()
  const [source, target, previous] = [join(dir.path, 'new'), join(dir.path, 'program'), join(dir.path, 'previous')]
  const place = async (text: string) => {
    writeFileSync(source, text)
    return await placeCopy(target, source, 0o755, previous)
  }
  await place('first')
  expect(existsSync(previous)).toBe(false)
  await place('second')
  await place('third')
  expect([readFileSync(previous, 'utf8'), modeOf(previous)]).toEqual(['second', '755'])
  // Neither the same once more nor another mode of it is another version.
  await place('third')
  chmodSync(target, 0o700)
  expect(await place('third')).toBe(true)
  expect(readFileSync(previous, 'utf8')).toBe('second')
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
