import { Database as Sqlite } from 'bun:sqlite'
import { describe, expect, test } from 'bun:test'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { run } from '../../scripts/lib/run.ts'
import { extractDatabase, openBackup } from '../../src/backups/backup-reader.ts'
import { writeBackup } from '../../src/backups/backup-writer.ts'
import { Secret } from '../../src/core/secret.ts'
import { bytesEqual, hashKey } from '../../src/store/encryption-key.ts'
import { TEST_ACTOR } from '../testkit/actor.ts'
import { openTestAudit } from '../testkit/audit/audit.ts'
import { createBackupHost, openBackupFile, systemRandom, withFile } from '../testkit/backups/backups.ts'

const passphrase = new Secret('correct horse battery staple')

test("writes a tar of the database and the droplets' SSH keys", async () => {
  await using host = await createBackupHost()
  const manifest = await host.createBackup({ now: () => Date.parse('2026-11-23T22:10:00.000Z') })
  expect(manifest).toMatchObject({ format: 1, version: '1.2.3', time: '2026-11-23T22:10:00.000Z', keys: null })
  const unpacked = join(host.path, 'unpacked')
  await run(['mkdir', unpacked])
  await run(['tar', '-xf', host.file, '-C', unpacked])
  expect(await run(['tar', '-tf', host.file])).toBe(
    [
      ...['manifest.json', 'cikit-api.db', 'credentials/cikit01/cikit01.private.key'],
      ...['credentials/cikit01/cikit01.public.key', ''],
    ].join('\n'),
  )
  const key = 'credentials/cikit01/cikit01.private.key'
  expect(readFileSync(join(unpacked, key), 'utf8')).toBe(readFileSync(join(host.dataDir, key), 'utf8'))
  using copy = new Sqlite(join(unpacked, 'cikit-api.db'), { readonly: true })
  expect(copy.query('SELECT username FROM users').all()).toEqual([{ username: 'ann' }])
  expect(JSON.parse(readFileSync(join(unpacked, 'manifest.json'), 'utf8'))).toEqual(manifest)
})

test('leaves no files in the data directory', async () => {
  await using host = await createBackupHost()
  const before = readdirSync(host.dataDir)
  await host.createBackup({ passphrase })
  expect(readdirSync(host.dataDir)).toEqual(before)
})

test('removes the work of a killed backup, but not that of a running one', async () => {
  await using host = await createBackupHost()
  const exitedProcess = Bun.spawn(['true'])
  await exitedProcess.exited
  writeFileSync(join(host.dataDir, `backup.part-${exitedProcess.pid}`), '')
  writeFileSync(join(host.dataDir, 'backup.part-1'), '')
  await host.createBackup()
  expect(readdirSync(host.dataDir).filter(name => name.includes('part'))).toEqual(['backup.part-1'])
})

test('includes only keys of droplets and follows no links', async () => {
  await using host = await createBackupHost()
  writeFileSync(join(host.credentialsDir, 'notes.txt'), 'mine')
  writeFileSync(join(host.credentialsDir, 'cikit01', 'notes.txt'), 'mine')
  await run(['mkdir', join(host.credentialsDir, 'cikit02')])
  symlinkSync(join(host.dataDir, 'sealing.key'), join(host.credentialsDir, 'cikit02', 'cikit02.private.key'))
  await run(['mkfifo', join(host.credentialsDir, 'cikit02', 'cikit02.public.key')])
  const { files } = await host.createBackup()
  expect(files.map(({ name }) => name)).toEqual([
    'cikit-api.db',
    'credentials/cikit01/cikit01.private.key',
    'credentials/cikit01/cikit01.public.key',
  ])
})

test('rejects a data directory without a database', async () => {
  await using host = await createBackupHost()
  await expect(host.createBackup({ dataDir: host.path })).rejects.toThrow(`There is no database in ${host.path}`)
})

test('reports a damaged database', async () => {
  await using host = await createBackupHost()
  await host.coreContext.close()
  const file = join(host.dataDir, 'cikit-api.db')
  writeFileSync(file, readFileSync(file).fill(0x55, 8_192))
  await expect(host.createBackup()).rejects.toThrow(/cannot be copied|not sound/)
})

describe('with the keys', () => {
  test('the passphrase decrypts them', async () => {
    await using host = await createBackupHost()
    await host.createBackup({ passphrase })
    const keys = await withFile(host.file, 'r', fd => openBackup(fd).decryptKeys(passphrase))
    expect(`${keys?.encryption.reveal().toHex()}\n`).toBe(readFileSync(join(host.dataDir, 'sealing.key'), 'utf8'))
    expect(`${keys?.audit.reveal().toHex()}\n`).toBe(readFileSync(join(host.dataDir, 'audit.key'), 'utf8'))
  })

  test('they are never in plain text, and absent without a passphrase', async () => {
    await using host = await createBackupHost()
    for (const options of [{}, { passphrase }]) {
      await host.createBackup(options)
      const bytes = readFileSync(host.file)
      for (const name of ['sealing.key', 'audit.key']) {
        const hex = readFileSync(join(host.dataDir, name), 'utf8').trim()
        expect(bytes.includes(hex) || bytes.includes(Buffer.from(hex, 'hex'))).toBe(false)
      }
    }
  })

  test('another passphrase does not decrypt them', async () => {
    await using host = await createBackupHost()
    await host.createBackup({ passphrase })
    const decrypting = withFile(host.file, 'r', fd => openBackup(fd).decryptKeys(new Secret('correct horse battery')))
    await expect(decrypting).rejects.toThrow('the passphrase is wrong, or the backup was changed')
  })

  test('they do not decrypt in a backup rebuilt from its parts', async () => {
    await using host = await createBackupHost()
    await host.createBackup({ passphrase })
    // Same sizes, and all hashes match.
    const text = readFileSync(host.file, 'latin1')
    const forged = text.replace('"version": "1.2.3"', '"version": "1.2.4"')
    expect(forged).not.toBe(text)
    writeFileSync(host.file, forged, 'latin1')
    await openBackupFile(host.file)
    const decrypting = withFile(host.file, 'r', fd => openBackup(fd).decryptKeys(passphrase))
    await expect(decrypting).rejects.toThrow('the passphrase is wrong, or the backup was changed')
  })

  test('the key matches the database, however often it is rotated meanwhile', async () => {
    await using host = await createBackupHost()
    let isRotating = true
    const rotations = (async () => {
      while (isRotating)
        await host.coreContext.rotateKey({ ...TEST_ACTOR, action: 'rotate-key' }).then(() => Bun.sleep(1))
    })()
    try {
      // Each backup is decrypted before it counts as written.
      for (let round = 0; round < 3; round++) await host.createBackup({ passphrase })
    } finally {
      isRotating = false
      await rotations
    }
    const unpacked = join(host.path, 'unpacked')
    await run(['mkdir', unpacked])
    await withFile(host.file, 'r', async fd => {
      const backup = openBackup(fd)
      const keys = await backup.decryptKeys(passphrase)
      const info = extractDatabase(backup, unpacked, keys)
      expect(bytesEqual(info.keyHash, keys && hashKey(keys.encryption))).toBe(true)
    })
  })

  test('a rotation between snapshot and key repeats both', async () => {
    await using host = await createBackupHost()
    await using other = await createBackupHost()
    await host.coreContext.close()
    await other.coreContext.close()
    const keys = join(host.path, 'keys')
    await run(['mkdir', keys])
    const copyKeys = (from: string) => {
      for (const name of ['sealing.key', 'audit.key']) copyFileSync(join(from, name), join(keys, name))
    }
    copyKeys(host.dataDir)
    let keyFileReads = 0
    const { dataDir, credentialsDir, file } = host
    const options = {
      ...{ dataDir, credentialsDir, version: '1.2.3', now: Date.now, random: systemRandom, passphrase },
      // Called after the database was copied.
      get keyFile() {
        keyFileReads += 1
        if (keyFileReads === 1) {
          copyKeys(other.dataDir)
          copyFileSync(join(other.dataDir, 'cikit-api.db'), join(dataDir, 'cikit-api.db'))
        }
        return join(keys, 'sealing.key')
      },
    }
    await withFile(file, 'w+', fd => writeBackup(fd, options))
    const systemKeys = await withFile(file, 'r', fd => openBackup(fd).decryptKeys(passphrase))
    expect(`${systemKeys?.encryption.reveal().toHex()}\n`).toBe(
      readFileSync(join(other.dataDir, 'sealing.key'), 'utf8'),
    )
  })

  test('rejects a key that does not match the database', async () => {
    await using host = await createBackupHost()
    writeFileSync(join(host.dataDir, 'sealing.key'), `${'0'.repeat(64)}\n`)
    await expect(host.createBackup({ passphrase })).rejects.toThrow('does not match the database')
  })

  test('rejects an audit key of another log', async () => {
    await using host = await createBackupHost()
    await openTestAudit({ db: host.coreContext.db, dataDir: host.dataDir })
    writeFileSync(join(host.dataDir, 'audit.key'), `${'0'.repeat(64)}\n`)
    await expect(host.createBackup({ passphrase })).rejects.toThrow('The audit key in the backup does not match')
  })
})

test('a backup of a served directory has all commits', async () => {
  await using host = await createBackupHost()
  // Commits that are only in the WAL.
  await host.coreContext.users.add(TEST_ACTOR, 'bob', 'viewer')
  expect(existsSync(join(host.dataDir, 'cikit-api.db-wal'))).toBe(true)
  await host.createBackup()
  chmodSync(host.file, 0o600)
  const copy = join(host.path, 'copy.db')
  await withFile(host.file, 'r', fd => openBackup(fd).extract('cikit-api.db', copy, 0o600))
  using sql = new Sqlite(copy, { readonly: true })
  expect(sql.query('SELECT username FROM users ORDER BY number').values().flat()).toEqual(['ann', 'bob'])
  rmSync(copy)
})
