import { expect, test } from 'bun:test'
import { createRecoveryCodes, hashRecoveryCode } from '../../src/auth/recovery-codes.ts'
import { decodeBase32 } from '../_support/codes.ts'

test('ten codes hold all of the chance that was asked for: 80 bits each', () => {
  const given: Buffer[] = []
  const codes = createRecoveryCodes(size => {
    const bytes = crypto.getRandomValues(new Uint8Array(size))
    given.push(Buffer.from(bytes))
    return bytes
  })
  const shown = codes.map(code => decodeBase32(code.reveal().replaceAll('-', '').toUpperCase()))
  expect(shown).toEqual(given)
  expect(given.map(bytes => bytes.length)).toEqual(Array(10).fill(10))
})

test('what is kept of a code is a hash that holds nothing of it, and is another for each user', () => {
  const kept = hashRecoveryCode('id-of-ada', 'abcd-efgh-ijkl-mnop')
  expect(kept).toHaveLength(32)
  expect(Buffer.from(kept).toString('latin1')).not.toContain('abcd')
  expect(kept).toEqual(hashRecoveryCode('id-of-ada', ' ABCD EFGH ijklmnop '))
  expect(kept).not.toEqual(hashRecoveryCode('id-of-bob', 'abcd-efgh-ijkl-mnop'))
  expect(kept).not.toEqual(hashRecoveryCode('id-of-ada', 'abcd-efgh-ijkl-mnoq'))
})
