import { expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { openBackup } from '../../src/backups/backup-reader.ts'
import { OperatorError } from '../../src/core/errors.ts'
import { createBackupHost, openBackupFile, withFile } from '../testkit/backups/backups.ts'
import { checkProperty } from '../testkit/properties/check-property.ts'

test('a corrupted backup is rejected with an OperatorError, or its files are read unchanged', async () => {
  await using host = await createBackupHost()
  await host.createBackup()
  const archive = readFileSync(host.file)
  const filesOf = (file: string) =>
    withFile(file, 'r', fd => {
      const { manifest, read } = openBackup(fd)
      return manifest.files.map(({ name }) => [name, read(name).toString('base64')])
    })
  const files = await filesOf(host.file)
  const changedFile = join(host.path, 'changed.tar')
  // Most of the archive is the database. The headers and the manifest are in the first and last kilobytes.
  const offsets = fc.oneof(fc.nat({ max: 2_048 }), fc.integer({ min: -6_144, max: 0 }), fc.nat())
  const cases = fc.record({
    offset: offsets,
    bytes: fc.uint8Array({ minLength: 1, maxLength: 64 }),
    isCut: fc.boolean(),
  })
  await checkProperty('backups: any corruption', cases, async ({ offset, bytes, isCut }) => {
    const start = ((offset % archive.length) + archive.length) % archive.length
    const copy = Buffer.from(archive)
    copy.set(bytes.subarray(0, archive.length - start), start)
    writeFileSync(changedFile, isCut ? copy.subarray(0, start) : copy)
    const error = await openBackupFile(changedFile).then(
      () => undefined,
      error => error,
    )
    if (error === undefined) expect(await filesOf(changedFile)).toEqual(files)
    else expect(error).toBeInstanceOf(OperatorError)
  })
})
