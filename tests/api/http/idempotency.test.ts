import { describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import type { Fields } from '../../../src/api/http/body.ts'
import { readIdempotencyKey } from '../../../src/api/http/idempotency.ts'

const readKey = (key: string | undefined, requested = ['add', ''], fields: Fields = {}) =>
  readIdempotencyKey(
    new Request('http://localhost/', { headers: key === undefined ? {} : { 'idempotency-key': key } }),
    'ada',
    requested,
    fields,
  )

test('there is no key without the header', () => {
  expect(readKey(undefined)).toBeUndefined()
})

test.each([
  ['build-4711', 'build-4711'],
  ['"build-4711"', 'build-4711'],
  ['"', '"'],
  ['x'.repeat(255), 'x'.repeat(255)],
])('the header %s is the key %s', (header, key) => {
  const sha256 = createHash('sha256').update(key).digest('hex')
  const idempotencyKey = readKey(header)
  expect([idempotencyKey?.userId, Buffer.from(idempotencyKey?.key ?? []).toString('hex')]).toEqual(['ada', sha256])
})

test.each(['', '""', 'a b', 'a, b', 'x'.repeat(256), 'ä'])('rejects %j', header => {
  expect(() => readKey(header)).toThrow('Idempotency-Key')
})

describe('the fingerprint of a request', () => {
  const fingerprint = (requested: string[], fields: Fields) =>
    Buffer.from(readKey('k', requested, fields)?.fingerprint ?? []).toString('hex')
  const reference = fingerprint(['add', ''], { ssh_keys: ['a'], note: 1 })

  test('ignores the order of fields and the token', () => {
    expect(fingerprint(['add', ''], { note: 1, access_token: 'x', ssh_keys: ['a'] })).toBe(reference)
  })

  test.each<[string, string[], Fields]>([
    ['another change', ['stop', ''], { ssh_keys: ['a'], note: 1 }],
    ['another droplet', ['add', 'cikit01'], { ssh_keys: ['a'], note: 1 }],
    ['another field', ['add', ''], { ssh_keys: ['b'], note: 1 }],
    ['a missing field', ['add', ''], { ssh_keys: ['a'] }],
  ])('differs for %s', (_, requested, fields) => {
    expect(fingerprint(requested, fields)).not.toBe(reference)
  })
})
