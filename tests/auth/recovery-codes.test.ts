import { expect, test } from 'bun:test'
import { createRecoveryCodes, hashRecoveryCode } from '../../src/auth/recovery-codes.ts'
import { decodeBase32 } from '../testkit/auth/totp.ts'

test('creates ten codes that encode 80 random bits each', () => {
  const generated: Buffer[] = []
  const codes = createRecoveryCodes(size => {
    const bytes = crypto.getRandomValues(new Uint8Array(size))
    generated.push(Buffer.from(bytes))
    return bytes
  })
  const decoded = codes.map(code => decodeBase32(code.reveal().replaceAll('-', '').toUpperCase()))
  expect(decoded).toEqual(generated)
  expect(generated.map(bytes => bytes.length)).toEqual(Array(10).fill(10))
})

test('hashes a normalized code together with its user', () => {
  const hash = hashRecoveryCode('id-of-ada', 'abcd-efgh-ijkl-mnop')
  expect(hash).toHaveLength(32)
  expect(Buffer.from(hash).toString('latin1')).not.toContain('abcd')
  expect(hash).toEqual(hashRecoveryCode('id-of-ada', ' ABCD EFGH ijklmnop '))
  expect(hash).not.toEqual(hashRecoveryCode('id-of-bob', 'abcd-efgh-ijkl-mnop'))
  expect(hash).not.toEqual(hashRecoveryCode('id-of-ada', 'abcd-efgh-ijkl-mnoq'))
})
