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

test('it is a tar of the database and the SSH keys of the droplets, which any tar reads', async () => {
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

test('nothing is left in the data directory beside what was there', async () => {
  await using host = await createBackupHost()
  const before = readdirSync(host.dataDir)
  await host.createBackup({ passphrase })
  expect(readdirSync(host.dataDir)).toEqual(before)
})

test('what a backup that was killed left there goes with the next one, and what another one is at does not', async () => {
  await using host = await createBackupHost()
  const exitedProcess = Bun.spawn(['true'])
  await exitedProcess.exited
  writeFileSync(join(host.dataDir, `backup.part-${exitedProcess.pid}`), '')
  writeFileSync(join(host.dataDir, 'backup.part-1'), '')
  await host.createBackup()
  expect(readdirSync(host.dataDir).filter(name => name.includes('part'))).toEqual(['backup.part-1'])
})

test('only the keys of droplets are taken, and no link is followed', async () => {
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

test('a data directory without a database is refused, and named', async () => {
  await using host = await createBackupHost()
  await expect(host.createBackup({ dataDir: host.path })).rejects.toThrow(`There is no database in ${host.path}`)
})

test('a database that is damaged is told of', async () => {
  await using host = await createBackupHost()
  await host.coreContext.close()
  const file = join(host.dataDir, 'cikit-api.db')
  writeFileSync(file, readFileSync(file).fill(0x55, 8_192))
  await expect(host.createBackup()).rejects.toThrow(/cannot be copied|not sound/)
})

describe('with the keys', () => {
  test('they open with the passphrase, and are those of the host', async () => {
    await using host = await createBackupHost()
    await host.createBackup({ passphrase })
    const keys = await withFile(host.file, 'r', fd => openBackup(fd).decryptKeys(passphrase))
    expect(`${keys?.sealing.reveal().toHex()}\n`).toBe(readFileSync(join(host.dataDir, 'sealing.key'), 'utf8'))
    expect(`${keys?.audit.reveal().toHex()}\n`).toBe(readFileSync(join(host.dataDir, 'audit.key'), 'utf8'))
  })

  test('they are nowhere to be read, and not there at all without', async () => {
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

  test('another passphrase opens nothing', async () => {
    await using host = await createBackupHost()
    await host.createBackup({ passphrase })
    const decrypting = withFile(host.file, 'r', fd => openBackup(fd).decryptKeys(new Secret('correct horse battery')))
    await expect(decrypting).rejects.toThrow('the passphrase is wrong, or the backup was changed')
  })

  test('of a backup that somebody made anew from its parts nothing opens', async () => {
    await using host = await createBackupHost()
    await host.createBackup({ passphrase })
    // The same in every length, and sound by every hash.
    const text = readFileSync(host.file, 'latin1')
    const forged = text.replace('"version": "1.2.3"', '"version": "1.2.4"')
    expect(forged).not.toBe(text)
    writeFileSync(host.file, forged, 'latin1')
    await openBackupFile(host.file)
    const decrypting = withFile(host.file, 'r', fd => openBackup(fd).decryptKeys(passphrase))
    await expect(decrypting).rejects.toThrow('the passphrase is wrong, or the backup was changed')
  })

  test('the key is that of the database, however often it is replaced meanwhile', async () => {
    await using host = await createBackupHost()
    let isRotating = true
    const rotations = (async () => {
      while (isRotating)
        await host.coreContext.rotateKey({ ...TEST_ACTOR, action: 'rotate-key' }).then(() => Bun.sleep(1))
    })()
    try {
      // Each is opened with its key before it counts as written.
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
      expect(bytesEqual(info.keyHash, keys && hashKey(keys.sealing))).toBe(true)
    })
  })

  test('a key that was replaced between the database and itself is not taken: both are, once more', async () => {
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
      // Asked for only when the database was copied.
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
    expect(`${systemKeys?.sealing.reveal().toHex()}\n`).toBe(readFileSync(join(other.dataDir, 'sealing.key'), 'utf8'))
  })

  test('a key that is not the one of the database is no backup', async () => {
    await using host = await createBackupHost()
    writeFileSync(join(host.dataDir, 'sealing.key'), `${'0'.repeat(64)}\n`)
    await expect(host.createBackup({ passphrase })).rejects.toThrow('does not match the database')
  })

  test('nor is an audit key of another audit', async () => {
    await using host = await createBackupHost()
    await openTestAudit({ db: host.coreContext.db, dataDir: host.dataDir })
    writeFileSync(join(host.dataDir, 'audit.key'), `${'0'.repeat(64)}\n`)
    await expect(host.createBackup({ passphrase })).rejects.toThrow('The audit key in the backup does not match')
  })
})

test('of a served data directory it has all that was committed', async () => {
  await using host = await createBackupHost()
  // What is in the write-ahead log only.
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
