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
  return isCandidate(parsed) ? 'fit' : parsed.reason
}

test('a user of the original', () => {
  const parsed = parse(exportedUser('BR0kEN', 'owner'))
  expect(parsed).toMatchObject({ position: 7, username: 'BR0kEN', group: 'owner', createdAt: 1_527_664_351_114 })
  expect(JSON.stringify(parsed)).not.toContain(EXPORTED_SECRET)
})

describe('a secret', () => {
  const bytes = decodeBase32(EXPORTED_SECRET)

  test.each([
    ['as it is', EXPORTED_SECRET],
    ['in lower case', EXPORTED_SECRET.toLowerCase()],
    ['in groups', EXPORTED_SECRET.replace(/.{4}/g, '$& ')],
    ['with padding', `${EXPORTED_SECRET}====`],
  ])('in Base32 %s', (_, text) => {
    expect(secretOf(text)).toBe(bytes.toString('hex'))
  })

  test('in the other encodings of the original', () => {
    expect(secretOf(bytes.toString('hex'), 'hex')).toBe(bytes.toString('hex'))
    expect(secretOf(bytes.toString('latin1'), 'ascii')).toBe(bytes.toString('hex'))
  })

  test('of 160 bits is long enough, of 152 is not', () => {
    expect(secretOf('A'.repeat(32))).toBe('00'.repeat(20))
    expect(reasonOf({ secret: 'A'.repeat(31) })).toMatch(/fewer than 160 bits: .*create-user -u ann -g manager$/)
  })

  test('of 1024 bits is not too long, and of more is', () => {
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
  ])('that is invalid: %p', secret => {
    expect(reasonOf({ secret })).toMatch(/^its secret is not base32: .*--encoding.*create-user -u ann -g manager$/)
  })
})

describe('not a user', () => {
  test.each([
    ['no object', undefined, undefined, /not a JSON object/],
    ['a token', { token: 'x', user: { $oid: '5b0e' } }, undefined, /export the collection users/],
    ['no name', { ...exportedUser('', 'viewer'), username: undefined }, undefined, /username has 1 to 64/],
    ['a name of another kind', { ...exportedUser('', 'viewer'), username: { $ne: null } }, undefined, /username has 1/],
    ['an address', exportedUser('ann@example.com', 'viewer'), 'ann@example.com', /rename it in the export/],
    ['a command for the terminal', exportedUser('\u001b[2Jann', 'viewer'), '\\u001b[2Jann', /rename it/],
    ['a secret as a name', exportedUser(`${EXPORTED_SECRET} `, 'viewer'), '[token] ', /rename it/],
    ['no group', { ...exportedUser('ann', ''), group: undefined }, 'ann', /not viewer, manager or owner/],
    ['another group', exportedUser('ann', 'king'), 'ann', /not viewer, manager or owner/],
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
  'a date that cannot be true is no reason to leave a user behind: %j',
  created => {
    expect(parse(exportedUser('ann', 'viewer', { created }))).toMatchObject({ username: 'ann', createdAt: undefined })
  },
)
