import { expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { openBackup } from '../../src/backups/read.ts'
import { OperatorError } from '../../src/errors.ts'
import { createBackupHost, open, withFile } from '../_support/backups.ts'
import { holds } from '../_support/properties.ts'

test('a backup in which anything was changed is refused in words, or is read with nothing of its files changed', async () => {
  await using host = await createBackupHost()
  await host.backUp()
  const whole = readFileSync(host.file)
  const filesOf = (file: string) =>
    withFile(file, 'r', fd => {
      const { manifest, read } = openBackup(fd)
      return manifest.files.map(({ name }) => [name, read(name).toString('base64')])
    })
  const files = await filesOf(host.file)
  const changed = join(host.path, 'changed.tar')
  // Most of the file is the database; what is read with care is in the first kilobytes and the last.
  const place = fc.oneof(fc.nat({ max: 2_048 }), fc.integer({ min: -6_144, max: 0 }), fc.nat())
  const cases = fc.record({ at: place, bytes: fc.uint8Array({ minLength: 1, maxLength: 64 }), cut: fc.boolean() })
  await holds('backups: any change', cases, async ({ at, bytes, cut }) => {
    const from = ((at % whole.length) + whole.length) % whole.length
    const copy = Buffer.from(whole)
    copy.set(bytes.subarray(0, whole.length - from), from)
    writeFileSync(changed, cut ? copy.subarray(0, from) : copy)
    const refused = await open(changed).then(
      () => undefined,
      error => error,
    )
    if (refused === undefined) expect(await filesOf(changed)).toEqual(files)
    else expect(refused).toBeInstanceOf(OperatorError)
  })
})
