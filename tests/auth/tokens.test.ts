import { expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createToken, hashToken, hasTokenFormat } from '../../src/auth/tokens.ts'
import { createTestApi } from '../testkit/api/test-api.ts'
import { decodeBase32 } from '../testkit/auth/totp.ts'

test('a token consists of 32 bytes from the random source', () => {
  const requestedSizes: number[] = []
  const random = (size: number) => {
    requestedSizes.push(size)
    return new Uint8Array(size).fill(0xab)
  }
  expect(createToken(random).reveal()).toBe('ab'.repeat(32))
  expect(requestedSizes).toEqual([32])
})

test('a token is redacted when printed', () => {
  expect(String(createToken(size => new Uint8Array(size)))).toBe('[secret]')
})

test('a token is hashed with SHA-256', () => {
  expect(Buffer.from(hashToken('abc')).toString('hex')).toBe(
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  )
})

test.each<[string, boolean]>([
  ['0123456789abcdef'.repeat(4), true],
  ['0123456789ABCDEF'.repeat(4), false],
  ['a'.repeat(63), false],
  ['a'.repeat(65), false],
  [`${'a'.repeat(64)}\n`, false],
  [`${'a'.repeat(63)}g`, false],
  ['', false],
])('%j has the format of a token: %p', (text, isToken) => {
  expect(hasTokenFormat(text)).toBe(isToken)
})

test('the data directory contains no plain token or secret', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'owner')
  const first = await api.logIn(ada)
  const json = { grant_type: 'refresh_token', refresh_token: first.refresh_token }
  const second = (await api.call('POST', '/user/auth/refresh', { json })).body as typeof first

  const stored = readStored(api.dataDir)
  // Proves that the search works: the data contains the name, and the hash as raw bytes.
  expect(stored.includes('ada')).toBe(true)
  expect(stored.includes(createHash('sha256').update(second.access_token).digest())).toBe(true)

  const tokens = [first.access_token, first.refresh_token, second.access_token, second.refresh_token]
  for (const token of tokens) {
    expect(stored.includes(token)).toBe(false)
    expect(stored.includes(Buffer.from(token, 'hex'))).toBe(false)
    expect(stored.includes(Buffer.from(token, 'hex').toString('base64'))).toBe(false)
  }
  const raw = decodeBase32(ada.secret)
  for (const encoding of [ada.secret, raw, raw.toString('hex'), raw.toString('base64')]) {
    expect(stored.includes(encoding)).toBe(false)
  }
})

function readStored(dataDir: string): Buffer {
  const files = readdirSync(dataDir)
  expect(files).toContain('cikit-api.db')
  expect(files).toContain('cikit-api.db-wal')
  return Buffer.concat(files.map(file => readFileSync(join(dataDir, file))))
}
