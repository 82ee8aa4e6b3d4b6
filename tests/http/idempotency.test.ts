import { describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import type { Fields } from '../../src/http/body.ts'
import { readClaim } from '../../src/http/idempotency.ts'

const claimOf = (key: string | undefined, asked = ['add', ''], fields: Fields = {}) =>
  readClaim(
    new Request('http://localhost/', { headers: key === undefined ? {} : { 'idempotency-key': key } }),
    'ada',
    asked,
    fields,
  )

test('without the header there is none', () => {
  expect(claimOf(undefined)).toBeUndefined()
})

test.each([
  ['build-4711', 'build-4711'],
  ['"build-4711"', 'build-4711'],
  ['"', '"'],
  ['x'.repeat(255), 'x'.repeat(255)],
])('%s is the key %s', (header, key) => {
  const sha256 = createHash('sha256').update(key).digest('hex')
  const claim = claimOf(header)
  expect([claim?.userId, Buffer.from(claim?.key ?? []).toString('hex')]).toEqual(['ada', sha256])
})

test.each(['', '""', 'a b', 'a, b', 'x'.repeat(256), 'ä'])('%j is refused', header => {
  expect(() => claimOf(header)).toThrow('Idempotency-Key')
})

describe('two requests are the same', () => {
  const print = (asked: string[], fields: Fields) =>
    Buffer.from(claimOf('k', asked, fields)?.fingerprint ?? []).toString('hex')
  const one = print(['add', ''], { ssh_keys: ['a'], note: 1 })

  test('in whatever order their fields are, and with whatever token', () => {
    expect(print(['add', ''], { note: 1, access_token: 'x', ssh_keys: ['a'] })).toBe(one)
  })

  test.each<[string, string[], Fields]>([
    ['another change', ['stop', ''], { ssh_keys: ['a'], note: 1 }],
    ['another droplet', ['add', 'cikit01'], { ssh_keys: ['a'], note: 1 }],
    ['another field', ['add', ''], { ssh_keys: ['b'], note: 1 }],
    ['a field less', ['add', ''], { ssh_keys: ['a'] }],
  ])('and not with %s', (_, asked, fields) => {
    expect(print(asked, fields)).not.toBe(one)
  })
})
