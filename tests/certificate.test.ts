import { beforeAll, describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { readCertificate, stateOf, whyInvalid } from '../src/certificate.ts'
import { ConfigError } from '../src/errors.ts'
import { certificateFiles, makePair, type Pair } from './_support/certificates.ts'
import { tempDir } from './_support/temp-dir.ts'

let first: Pair
let second: Pair
beforeAll(async () => {
  first = await makePair('one.test')
  second = await makePair('two.test')
})

test('tells what it is, and for how long', () => {
  using dir = tempDir()
  const files = certificateFiles(dir.path)
  files.put(first)
  const read = readCertificate(files)
  expect(read).toMatchObject({ ...first, names: 'DNS:one.test', state: stateOf(files) })
  expect(read.fingerprint).toMatch(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/)
  expect(read.validTo - read.validFrom).toBe(30 * 24 * 3_600_000)
})

describe('refuses, naming the flag, the file and the remedy', () => {
  test.each<[string, (pair: Pair) => Partial<Pair>, RegExp]>([
    ['the key of another', () => ({ key: second.key }), /--tls-key .*matrix\.key is not the key of.*matrix\.crt/],
    ['no certificate', () => ({ cert: '' }), /--tls-cert .*matrix\.crt holds no certificate/],
    ['half a certificate', ({ cert }) => ({ cert: cert.slice(0, 300) }), /--tls-cert .* holds no certificate/],
    ['no key', () => ({ key: 'x' }), /--tls-key .*matrix\.key holds no private key/],
    ['the two mixed up', ({ cert, key }) => ({ cert: key, key: cert }), /--tls-cert .* holds no certificate/],
  ])('%s', (_, change, words) => {
    using dir = tempDir()
    const files = certificateFiles(dir.path)
    files.put({ ...first, ...change(first) })
    expect(() => readCertificate(files)).toThrow(words)
    expect(() => readCertificate(files)).toThrow(ConfigError)
    expect(() => readCertificate(files)).not.toThrow(first.key.slice(40, 80))
  })

  test('a file that is not there', () => {
    using dir = tempDir()
    expect(() => readCertificate(certificateFiles(dir.path))).toThrow(/--tls-cert .* cannot be read.*name a readable/)
  })
})

test('is over from its last moment on, and not there before its first', () => {
  using dir = tempDir()
  const files = certificateFiles(dir.path)
  files.put(first)
  const read = readCertificate(files)
  expect(whyInvalid(read, read.validFrom)).toBeUndefined()
  expect(whyInvalid(read, read.validTo - 1)).toBeUndefined()
  expect(whyInvalid(read, read.validTo)).toMatch(/^it is over since .*Z: renew it$/)
  expect(whyInvalid(read, read.validFrom - 1)).toMatch(/^it begins at .*Z only: set the clock/)
})

test('a change of either file is seen, and none is not', () => {
  using dir = tempDir()
  const files = certificateFiles(dir.path)
  expect(stateOf(files)).toBe('none none')
  files.put(first)
  const before = stateOf(files)
  expect(stateOf(files)).toBe(before)
  files.put({ ...first, key: second.key })
  expect(stateOf(files)).not.toBe(before)
  files.put(first)
  const written = stateOf(files)
  writeFileSync(files.certFile, second.cert)
  expect(stateOf(files)).not.toBe(written)
})
