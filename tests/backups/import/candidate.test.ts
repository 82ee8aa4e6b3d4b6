import { describe, expect, test } from 'bun:test'
import { isCandidate, parseCandidate } from '../../../src/backups/import/candidate.ts'
import type { Encoding } from '../../../src/backups/import/secret-encoding.ts'
import { decodeBase32 } from '../../testkit/auth/totp.ts'
import { EXPORTED_SECRET, exportedUser } from '../../testkit/backups/users-export.ts'

const NOW = Date.UTC(2026, 0, 1)
const parse = (document: Record<string, unknown> | undefined, encoding: Encoding = 'base32') =>
  parseCandidate({ position: 7, document }, encoding, NOW)

function secretOf(secret: unknown, encoding?: Encoding): string | undefined {
  const parsed = parse(exportedUser('ann', 'viewer', { secret }), encoding)
  return isCandidate(parsed) ? Buffer.from(parsed.secret.reveal()).toString('hex') : undefined
}

function reasonOf(overrides: Record<string, unknown>): string {
  const parsed = parse({ ...exportedUser('ann', 'manager'), ...overrides })
  return isCandidate(parsed) ? 'accepted' : parsed.reason
}

test('parses a user of the original CIKit', () => {
  const parsed = parse(exportedUser('BR0kEN', 'owner'))
  expect(parsed).toMatchObject({ position: 7, username: 'BR0kEN', group: 'owner', createdAt: 1_527_664_351_114 })
  expect(JSON.stringify(parsed)).not.toContain(EXPORTED_SECRET)
})

describe('a secret', () => {
  const bytes = decodeBase32(EXPORTED_SECRET)

  test.each([
    ['unchanged', EXPORTED_SECRET],
    ['in lower case', EXPORTED_SECRET.toLowerCase()],
    ['in groups of four', EXPORTED_SECRET.replace(/.{4}/g, '$& ')],
    ['with padding', `${EXPORTED_SECRET}====`],
  ])('in Base32 is accepted %s', (_, text) => {
    expect(secretOf(text)).toBe(bytes.toString('hex'))
  })

  test('is accepted in the other encodings of the original CIKit', () => {
    expect(secretOf(bytes.toString('hex'), 'hex')).toBe(bytes.toString('hex'))
    expect(secretOf(bytes.toString('latin1'), 'ascii')).toBe(bytes.toString('hex'))
  })

  test('is accepted with 160 bits and rejected with fewer', () => {
    expect(secretOf('A'.repeat(32))).toBe('00'.repeat(20))
    expect(reasonOf({ secret: 'A'.repeat(31) })).toMatch(/fewer than 160 bits: .*create-user -u ann -g manager$/)
  })

  test('is accepted with 1,024 bits and rejected with more', () => {
    expect(secretOf('41'.repeat(128), 'hex')).toHaveLength(256)
    expect(secretOf('41'.repeat(129), 'hex')).toBeUndefined()
  })

  test.each([
    undefined,
    null,
    5,
    {},
    { secret: EXPORTED_SECRET },
    '',
    `${EXPORTED_SECRET}1`,
    `${EXPORTED_SECRET}AA`,
    'ä'.repeat(40),
  ])('is rejected if it is %p', secret => {
    expect(reasonOf({ secret })).toMatch(/^its secret is not base32: .*--encoding.*create-user -u ann -g manager$/)
  })
})

describe('rejects', () => {
  test.each([
    ['a document that is not an object', undefined, undefined, /not a JSON object/],
    ['a token of another collection', { token: 'x', user: { $oid: '5b0e' } }, undefined, /export the collection users/],
    ['a missing username', { ...exportedUser('', 'viewer'), username: undefined }, undefined, /username has 1 to 64/],
    [
      'a username that is not a string',
      { ...exportedUser('', 'viewer'), username: { $ne: null } },
      undefined,
      /username has 1/,
    ],
    [
      'an email address as the username',
      exportedUser('ann@example.com', 'viewer'),
      'ann@example.com',
      /rename it in the export/,
    ],
    [
      'a terminal escape sequence in the username',
      exportedUser('\u001b[2Jann', 'viewer'),
      '\\u001b[2Jann',
      /rename it/,
    ],
    ['a secret as the username', exportedUser(`${EXPORTED_SECRET} `, 'viewer'), '[token] ', /rename it/],
    ['a missing group', { ...exportedUser('ann', ''), group: undefined }, 'ann', /not viewer, manager or owner/],
    ['an unknown group', exportedUser('ann', 'king'), 'ann', /not viewer, manager or owner/],
  ])('%s', (_, document, username, reason) => {
    expect(parse(document)).toEqual({
      position: 7,
      username,
      group: document && 'group' in document && document.group === 'viewer' ? 'viewer' : undefined,
      reason: expect.stringMatching(reason),
    })
  })
})

test.each([undefined, { $date: '2026-01-01T00:00:00.001Z' }, { $date: { $numberLong: '-1' } }, 'yesterday'])(
  'imports a user whose creation date is impossible: %j',
  created => {
    expect(parse(exportedUser('ann', 'viewer', { created }))).toMatchObject({ username: 'ann', createdAt: undefined })
  },
)
