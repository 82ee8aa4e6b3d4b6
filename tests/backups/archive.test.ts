import { Database as Sqlite } from 'bun:sqlite'
import { describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { extractDatabase, openBackup } from '../../src/backups/backup-reader.ts'
import {
  createBackupHost,
  openBackupFile,
  type RawEntry,
  withFile,
  writeRawArchive,
} from '../testkit/backups/backups.ts'
import { tempDir } from '../testkit/temp-dir.ts'

// Files that are not backups, and changed backups.

const database = { name: 'cikit-api.db', bytes: Buffer.from('a database') }
const corruptMessage = /is not a cikit-api backup, or is corrupt/

function listedFile({ name, bytes = Buffer.alloc(0), size = bytes.length }: RawEntry) {
  return { name, size, sha256: createHash('sha256').update(bytes).digest('hex') }
}

/** An archive with a manifest that lists all entries. */
function withManifest(entries: RawEntry[], overrides: Record<string, unknown> = {}): RawEntry[] {
  const manifest = {
    ...{ format: 1, version: '1.2.3', time: '2026-11-23T22:10:00.000Z', migration: 1, keys: null },
    files: entries.map(listedFile),
    ...overrides,
  }
  return [{ name: 'manifest.json', bytes: Buffer.from(JSON.stringify(manifest)) }, ...entries]
}

async function openArchive(entries: RawEntry[], end?: number) {
  using dir = tempDir()
  const file = join(dir.path, 'a.tar')
  writeRawArchive(file, entries, end)
  return await openBackupFile(file)
}

test('accepts a valid archive', async () => {
  const credential = { name: 'credentials/cikit01/cikit01.public.key', bytes: Buffer.from('ssh-ed25519 …') }
  const { manifest } = await openArchive(withManifest([database, credential]))
  expect(manifest.files).toEqual([listedFile(database), listedFile(credential)])
})

describe('rejects a file with', () => {
  const badName = (name: string): [string, RawEntry[]] => [JSON.stringify(name), withManifest([database, { name }])]
  test.each<[string, RawEntry[]]>([
    badName('../escaped'),
    badName('/etc/cikit-api'),
    badName('credentials/../../etc/x.public.key'),
    badName('credentials/cikit01/cikit02.public.key'),
    badName('credentials/cikit01/cikit01.public.key/'),
    badName('credentials/CIKIT01/CIKIT01.public.key'),
    badName('sealing.key'),
    badName('manifest.json'),
    badName('credentials/__proto__/__proto__.public.key'),
    ['a duplicate name', withManifest([database, database])],
    ['another file first', [database, ...withManifest([database])]],
    ['no database', withManifest([])],
    ['a symbolic link', withManifest([{ ...database, type: '2', link: '/etc/passwd' }])],
    ['a hard link', withManifest([{ ...database, type: '1', link: 'manifest.json' }])],
    ['a directory', withManifest([{ ...database, type: '5' }])],
    ['a device', withManifest([{ ...database, type: '3' }])],
    ['a pax header', withManifest([{ ...database, type: 'x' }])],
    ['a size beyond its end', withManifest([{ ...database, size: 4_000_000_000 }])],
    [
      'a file that the manifest does not list',
      [...withManifest([database]), { name: 'credentials/a01/a01.public.key' }],
    ],
    [
      'fewer files than the manifest lists',
      withManifest([database], { files: [listedFile(database), listedFile(database)] }),
    ],
    [
      'a wrong hash in the manifest',
      withManifest([database], { files: [{ ...listedFile(database), sha256: '0'.repeat(64) }] }),
    ],
    ['a wrong size in the manifest', withManifest([database], { files: [{ ...listedFile(database), size: 3 }] })],
    ['a manifest that is not JSON', [{ name: 'manifest.json', bytes: Buffer.from('{') }, database]],
    ['a manifest that is null', [{ name: 'manifest.json', bytes: Buffer.from('null') }, database]],
    ['an unknown format version', withManifest([database], { format: 2 })],
    ['an invalid time', withManifest([database], { time: 'yesterday' })],
    ['encrypted keys that are missing', withManifest([database], { keys: { kdf: 'scrypt' } })],
    ['no entries', []],
  ])('%s', async (_, parts) => {
    await expect(openArchive(parts)).rejects.toThrow(corruptMessage)
  })

  test('an excessive scrypt cost', async () => {
    await using host = await createBackupHost()
    const keys = { kdf: 'scrypt', n: 2 ** 30, r: 8, p: 1, salt: '0'.repeat(32), cipher: 'aes-256-gcm' }
    const parts = [database, { name: 'keys.sealed', bytes: Buffer.alloc(64) }]
    expect((await openArchive(withManifest(parts, { keys: { ...keys, n: 2 ** 17 } }))).manifest.keys?.n).toBe(2 ** 17)
    await expect(openArchive(withManifest(parts, { keys }))).rejects.toThrow(corruptMessage)
    expect(host.file).toBeString()
  })

  test.each([0, 512, 1_536])('%p bytes at its end', async end => {
    await expect(openArchive(withManifest([database]), end)).rejects.toThrow(corruptMessage)
  })
})

test('a backup of a newer program is rejected with its version', async () => {
  using dir = tempDir()
  using sql = new Sqlite(':memory:')
  sql.run('CREATE TABLE future (id INTEGER)')
  const file = join(dir.path, 'a.tar')
  writeRawArchive(file, withManifest([{ name: 'cikit-api.db', bytes: sql.serialize() }], { migration: 2 }))
  const extract = (fd: number) => extractDatabase(openBackup(fd), dir.path, undefined)
  await expect(withFile(file, 'r', extract)).rejects.toThrow(
    'The backup was written by a newer cikit-api (1.2.3, migration 2; this one knows ',
  )
})

test('rejects a truncated backup', async () => {
  await using host = await createBackupHost()
  await host.createBackup()
  const { length } = readFileSync(host.file)
  for (const size of [0, 100, 512, 1_024, length / 2, length - 1_536, length - 1_024, length - 512, length - 1]) {
    const cut = join(host.path, 'cut.tar')
    writeFileSync(cut, readFileSync(host.file))
    truncateSync(cut, Math.floor(size))
    await expect(openBackupFile(cut)).rejects.toThrow(corruptMessage)
  }
})

test('rejects a backup with any changed byte', async () => {
  await using host = await createBackupHost()
  await host.createBackup()
  const bytes = readFileSync(host.file)
  const changed = join(host.path, 'changed.tar')
  for (let position = 0; position < bytes.length; position += 997) {
    const copy = Buffer.from(bytes)
    copy[position] = (copy[position] ?? 0) ^ 0x55
    writeFileSync(changed, copy)
    await expect(openBackupFile(changed)).rejects.toThrow(corruptMessage)
  }
})

test.each(['/dev/zero', '/dev/null', '/'])('rejects %s', async file => {
  await expect(openBackupFile(file)).rejects.toThrow(corruptMessage)
})

test('foreign files are not read into memory', async () => {
  using dir = tempDir()
  const file = join(dir.path, 'huge.tar')
  // A sparse terabyte.
  await withFile(file, 'w', () => undefined)
  truncateSync(file, 2 ** 40)
  await expect(openBackupFile(file)).rejects.toThrow(corruptMessage)
})
