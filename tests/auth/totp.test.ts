import { expect, test } from 'bun:test'
import { matchingStep, provisioningUri, TOTP_SECRET_BYTES, toBase32 } from '../../src/auth/totp.ts'

const secret = new TextEncoder().encode('12345678901234567890')

// RFC 6238 appendix B, the rows for SHA-1. A six-digit code is the end of the eight digits there.
const vectors: [seconds: number, totp: string][] = [
  [59, '94287082'],
  [1111111109, '07081804'],
  [1111111111, '14050471'],
  [1234567890, '89005924'],
  [2000000000, '69279037'],
  [20000000000, '65353130'],
]

test.each(vectors)('the code at %i seconds is the end of %s', (seconds, totp) => {
  const code = totp.slice(-6)
  const step = Math.floor(seconds / 30)
  expect(matchingStep(secret, code, seconds * 1000)).toBe(step)
  expect(matchingStep(secret, code, (step + 1) * 30_000)).toBe(step)
  expect(matchingStep(secret, code, (step + 2) * 30_000 - 1)).toBe(step)
  expect(matchingStep(secret, code, (step + 2) * 30_000)).toBeUndefined()
  expect(matchingStep(secret, code, step * 30_000 - 1)).toBeUndefined()
})

test.each(['', '28708', '2870820', '94287082', ' 287082', '287082 ', '\uff12\uff18\uff17\uff10\uff18\uff12'])(
  'rejects %j as a code',
  code => {
    expect(matchingStep(secret, code, 59_000)).toBeUndefined()
  },
)

test('rejects the code of another secret', () => {
  const otherSecret = new TextEncoder().encode('12345678901234567891')
  expect(matchingStep(otherSecret, '287082', 59_000)).toBeUndefined()
})

test('a secret has 160 bits and is encoded in Base32 without padding', () => {
  expect(TOTP_SECRET_BYTES).toBe(20)
  expect(toBase32(secret)).toBe('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ')
})

test('the otpauth URL contains the issuer, label, secret and parameters', () => {
  const url = new URL(provisioningUri(secret, 'ada', 'matrix.example'))
  expect(url.protocol).toBe('otpauth:')
  expect(url.host).toBe('totp')
  expect(decodeURIComponent(url.pathname)).toBe('/CIKIT Matrix (ada):matrix.example')
  expect(Object.fromEntries(url.searchParams)).toEqual({
    issuer: 'CIKIT Matrix (ada)',
    secret: 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ',
    algorithm: 'SHA1',
    digits: '6',
    period: '30',
  })
})
