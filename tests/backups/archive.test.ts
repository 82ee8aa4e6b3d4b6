import { describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createBackupHost, open, type RawPart, withFile, writeArchive } from '../_support/backups.ts'
import { tempDir } from '../_support/temp-dir.ts'

// What comes as a backup and is none, or is one that somebody changed.

const database = { name: 'cikit-api.db', bytes: Buffer.from('a database') }
const refusal = /is no backup of cikit-api, or is damaged/

function listed({ name, bytes = Buffer.alloc(0), size = bytes.length }: RawPart) {
  return { name, size, sha256: createHash('sha256').update(bytes).digest('hex') }
}

/** An archive with a manifest that names all that follows. */
function archiveOf(parts: RawPart[], changed: Record<string, unknown> = {}): RawPart[] {
  const manifest = {
    ...{ format: 1, version: '1.2.3', time: '2026-11-23T22:10:00.000Z', migration: 1, keys: null },
    files: parts.map(listed),
    ...changed,
  }
  return [{ name: 'manifest.json', bytes: Buffer.from(JSON.stringify(manifest)) }, ...parts]
}

async function openParts(parts: RawPart[], end?: number) {
  using dir = tempDir()
  const file = join(dir.path, 'a.tar')
  writeArchive(file, parts, end)
  return await open(file)
}

test('what is put together here as a backup is read as one', async () => {
  const credential = { name: 'credentials/cikit01/cikit01.public.key', bytes: Buffer.from('ssh-ed25519 …') }
  const { manifest } = await openParts(archiveOf([database, credential]))
  expect(manifest.files).toEqual([listed(database), listed(credential)])
})

describe('refused is a file with', () => {
  const bad = (name: string): [string, RawPart[]] => [JSON.stringify(name), archiveOf([database, { name }])]
  test.each<[string, RawPart[]]>([
    bad('../escaped'),
    bad('/etc/cikit-api'),
    bad('credentials/../../etc/x.public.key'),
    bad('credentials/cikit01/cikit02.public.key'),
    bad('credentials/cikit01/cikit01.public.key/'),
    bad('credentials/CIKIT01/CIKIT01.public.key'),
    bad('sealing.key'),
    bad('manifest.json'),
    bad('credentials/__proto__/__proto__.public.key'),
    ['the same name twice', archiveOf([database, database])],
    ['another file first', [database, ...archiveOf([database])]],
    ['no database', archiveOf([])],
    ['a symbolic link', archiveOf([{ ...database, type: '2', link: '/etc/passwd' }])],
    ['a hard link', archiveOf([{ ...database, type: '1', link: 'manifest.json' }])],
    ['a directory', archiveOf([{ ...database, type: '5' }])],
    ['a device', archiveOf([{ ...database, type: '3' }])],
    ['a pax header', archiveOf([{ ...database, type: 'x' }])],
    ['a size beyond its end', archiveOf([{ ...database, size: 4_000_000_000 }])],
    ['a file that its manifest does not name', [...archiveOf([database]), { name: 'credentials/a01/a01.public.key' }]],
    ['a file less than its manifest names', archiveOf([database], { files: [listed(database), listed(database)] })],
    ['another hash', archiveOf([database], { files: [{ ...listed(database), sha256: '0'.repeat(64) }] })],
    ['another size in its manifest', archiveOf([database], { files: [{ ...listed(database), size: 3 }] })],
    ['a manifest that is no JSON', [{ name: 'manifest.json', bytes: Buffer.from('{') }, database]],
    ['a manifest that is null', [{ name: 'manifest.json', bytes: Buffer.from('null') }, database]],
    ['a format of the future', archiveOf([database], { format: 2 })],
    ['a time that is none', archiveOf([database], { time: 'yesterday' })],
    ['sealed keys that are not there', archiveOf([database], { keys: { kdf: 'scrypt' } })],
    ['nothing', []],
  ])('%s', async (_, parts) => {
    await expect(openParts(parts)).rejects.toThrow(refusal)
  })

  test('a cost for its keys that nobody should pay', async () => {
    await using host = await createBackupHost()
    const keys = { kdf: 'scrypt', n: 2 ** 30, r: 8, p: 1, salt: '0'.repeat(32), cipher: 'aes-256-gcm' }
    const parts = [database, { name: 'keys.sealed', bytes: Buffer.alloc(64) }]
    expect((await openParts(archiveOf(parts, { keys: { ...keys, n: 2 ** 17 } }))).manifest.keys?.n).toBe(2 ** 17)
    await expect(openParts(archiveOf(parts, { keys }))).rejects.toThrow(refusal)
    expect(host.file).toBeString()
  })

  test.each([0, 512, 1_536])('%p bytes at its end', async end => {
    await expect(openParts(archiveOf([database]), end)).rejects.toThrow(refusal)
  })
})

test('a backup of a newer program is refused with its version', async () => {
  await expect(openParts(archiveOf([database], { migration: 1_000 }))).rejects.toThrow(
    'The backup was written by a newer cikit-api (1.2.3, migration 1000; this one knows ',
  )
})

test('a backup that was cut off anywhere is refused', async () => {
  await using host = await createBackupHost()
  await host.backUp()
  const { length } = readFileSync(host.file)
  for (const size of [0, 100, 512, 1_024, length / 2, length - 1_536, length - 1_024, length - 512, length - 1]) {
    const cut = join(host.path, 'cut.tar')
    writeFileSync(cut, readFileSync(host.file))
    truncateSync(cut, Math.floor(size))
    await expect(open(cut)).rejects.toThrow(refusal)
  }
})

test('a backup with one byte changed is refused, wherever that is', async () => {
  await using host = await createBackupHost()
  await host.backUp()
  const bytes = readFileSync(host.file)
  const changed = join(host.path, 'changed.tar')
  for (let at = 0; at < bytes.length; at += 997) {
    const copy = Buffer.from(bytes)
    copy[at] = (copy[at] ?? 0) ^ 0x55
    writeFileSync(changed, copy)
    await expect(open(changed)).rejects.toThrow(refusal)
  }
})

test.each(['/dev/zero', '/dev/null', '/'])('%s is no backup', async file => {
  await expect(open(file)).rejects.toThrow(refusal)
})

test('what is no file of its own kind is never read into memory', async () => {
  using dir = tempDir()
  const file = join(dir.path, 'huge.tar')
  // A terabyte that takes no room.
  await withFile(file, 'w', () => undefined)
  truncateSync(file, 2 ** 40)
  await expect(open(file)).rejects.toThrow(refusal)
})
