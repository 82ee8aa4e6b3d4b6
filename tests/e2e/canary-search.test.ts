import { expect, test } from 'bun:test'
import { createCanaries, isDistinctive } from '../testkit/e2e/canary/canaries.ts'

// Proves that the search of the canary tests finds leaked secrets.

const token = '5e11'.repeat(16)
const secret = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP'
const raw = Buffer.from(token, 'hex')

function countMatches(content: string | Buffer): number {
  const canaries = createCanaries()
  canaries.addHex('token', token)
  canaries.addBase32('secret', secret)
  canaries.addCode('code', '083915')
  return canaries.findIn(Buffer.from(content)).length
}

test.each([
  ['a token', token],
  ['the bytes of a token', Buffer.concat([Buffer.from([1, 2, 3]), raw, Buffer.from([4])])],
  ['a token in upper case', token.toUpperCase()],
  ['the text of a token in hex', Buffer.from(token).toString('hex')],
  ['the text of a token in Base64', Buffer.from(token).toString('base64')],
  ['the text of a token in Base64 after one character', Buffer.from(`:${token}`).toString('base64')],
  ['the text of a token in Base64 after two characters', Buffer.from(`a:${token}`).toString('base64')],
  ['the bytes of a token in Base64', raw.toString('base64')],
  [
    'a percent-encoded token',
    encodeURIComponent(token).replace(/./g, character => `%${character.charCodeAt(0).toString(16)}`),
  ],
  ['a TOTP secret', `secret=${secret}&issuer=x`],
  ['a TOTP secret in hex', Buffer.from('48656c6c6f21deadbeef48656c6c6f21deadbeef').toString()],
  ['a code', '{"code":"083915"}'],
  ['a code in Base64', Buffer.from('083915').toString('base64')],
])('finds %s', (_, content) => {
  expect(countMatches(content)).toBeGreaterThan(0)
})

test.each([
  ['another token', '5e12'.repeat(16)],
  ['a truncated token', token.slice(1)],
  ['a code within a longer number', '1083915'],
  ['a code within a hex id', 'a083915f'],
  ['nothing', ''],
])('does not find %s', (_, content) => {
  expect(countMatches(content)).toBe(0)
})

test('only codes that cannot be a number by chance count as distinctive', () => {
  expect(['083915', '183915', '000001'].map(isDistinctive)).toEqual([true, false, false])
})
