import { expect, test } from 'bun:test'
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { copyAtomic, writeAtomic } from '../../../../cli/host/service/install-file.ts'
import { fileMode, setUmask } from '../../../testkit/file-modes.ts'
import { tempDir } from '../../../testkit/temp-dir.ts'

test('writes a file with its mode regardless of the umask, and only once', () => {
  using dir = tempDir()
  using _ = setUmask(0o077)
  const file = join(dir.path, 'missing/parent/unit')
  expect(writeAtomic(file, 'a\n', 0o644)).toBe(true)
  expect([readFileSync(file, 'utf8'), fileMode(file)]).toEqual(['a\n', '644'])
  const { ino, mtimeMs } = statSync(file)
  expect(writeAtomic(file, 'a\n', 0o644)).toBe(false)
  expect(statSync(file)).toMatchObject({ ino, mtimeMs })
  chmodSync(file, 0o600)
  expect(writeAtomic(file, 'a\n', 0o644)).toBe(true)
  expect(fileMode(file)).toBe('644')
})

test('keeps the last replaced file as the previous one', async () => {
  using dir = tempDir()
  const [source, target, previous] = [join(dir.path, 'new'), join(dir.path, 'program'), join(dir.path, 'previous')]
  const copyText = async (text: string) => {
    writeFileSync(source, text)
    return await copyAtomic(target, source, 0o755, previous)
  }
  await copyText('first')
  expect(existsSync(previous)).toBe(false)
  await copyText('second')
  await copyText('third')
  expect([readFileSync(previous, 'utf8'), fileMode(previous)]).toEqual(['second', '755'])
  // The same content is not another version, whatever its mode.
  await copyText('third')
  chmodSync(target, 0o700)
  expect(await copyText('third')).toBe(true)
  expect(readFileSync(previous, 'utf8')).toBe('second')
})

test('replaces a file by a new inode, so that a running program continues', async () => {
  using dir = tempDir()
  const [source, target] = [join(dir.path, 'new'), join(dir.path, 'program')]
  writeFileSync(source, 'second')
  writeFileSync(target, 'first!', { mode: 0o755 })
  writeFileSync(join(dir.path, '.program.new'), 'of a run that was interrupted')
  const { ino } = statSync(target)
  expect(await copyAtomic(target, source, 0o755)).toBe(true)
  expect([readFileSync(target, 'utf8'), fileMode(target)]).toEqual(['second', '755'])
  expect(statSync(target).ino).not.toBe(ino)
  expect(readdirSync(dir.path).sort()).toEqual(['new', 'program'])
  expect(await copyAtomic(target, source, 0o755)).toBe(false)
  expect(await copyAtomic(target, target, 0o755)).toBe(false)
})
