import { beforeAll, describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { fileStateOf, invalidReason, readCertificate } from '../../src/core/certificate.ts'
import { ConfigError } from '../../src/core/errors.ts'
import { type CertificatePair, certificateFiles, createCertificate } from '../testkit/certificates.ts'
import { tempDir } from '../testkit/temp-dir.ts'

let first: CertificatePair
let second: CertificatePair
beforeAll(async () => {
  first = await createCertificate('one.test')
  second = await createCertificate('two.test')
})

test('reads names, validity and fingerprint', () => {
  using dir = tempDir()
  const files = certificateFiles(dir.path)
  files.install(first)
  const certificate = readCertificate(files)
  expect(certificate).toMatchObject({ ...first, names: 'DNS:one.test', fileState: fileStateOf(files) })
  expect(certificate.fingerprint).toMatch(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/)
  expect(certificate.validTo - certificate.validFrom).toBe(30 * 24 * 3_600_000)
})

describe('rejects, naming flag, file and remedy,', () => {
  test.each<[string, (pair: CertificatePair) => Partial<CertificatePair>, RegExp]>([
    [
      'the key of another certificate',
      () => ({ key: second.key }),
      /--tls-key .*matrix\.key is not the key of.*matrix\.crt/,
    ],
    ['a file without a certificate', () => ({ cert: '' }), /--tls-cert .*matrix\.crt contains no certificate/],
    ['a truncated certificate', ({ cert }) => ({ cert: cert.slice(0, 300) }), /--tls-cert .* contains no certificate/],
    ['a file without a key', () => ({ key: 'x' }), /--tls-key .*matrix\.key contains no private key/],
    ['swapped files', ({ cert, key }) => ({ cert: key, key: cert }), /--tls-cert .* contains no certificate/],
  ])('%s', (_, change, message) => {
    using dir = tempDir()
    const files = certificateFiles(dir.path)
    files.install({ ...first, ...change(first) })
    expect(() => readCertificate(files)).toThrow(message)
    expect(() => readCertificate(files)).toThrow(ConfigError)
    expect(() => readCertificate(files)).not.toThrow(first.key.slice(40, 80))
  })

  test('a missing file', () => {
    using dir = tempDir()
    expect(() => readCertificate(certificateFiles(dir.path))).toThrow(/--tls-cert .* cannot be read.*name a readable/)
  })
})

test('is invalid from its expiry on and before its start', () => {
  using dir = tempDir()
  const files = certificateFiles(dir.path)
  files.install(first)
  const certificate = readCertificate(files)
  expect(invalidReason(certificate, certificate.validFrom)).toBeUndefined()
  expect(invalidReason(certificate, certificate.validTo - 1)).toBeUndefined()
  expect(invalidReason(certificate, certificate.validTo)).toMatch(/^it expired at .*Z: renew it$/)
  expect(invalidReason(certificate, certificate.validFrom - 1)).toMatch(/^it is not valid before .*Z: check the clock/)
})

test('the file state changes with either file, and only then', () => {
  using dir = tempDir()
  const files = certificateFiles(dir.path)
  expect(fileStateOf(files)).toBe('none none')
  files.install(first)
  const stateBefore = fileStateOf(files)
  expect(fileStateOf(files)).toBe(stateBefore)
  files.install({ ...first, key: second.key })
  expect(fileStateOf(files)).not.toBe(stateBefore)
  files.install(first)
  const written = fileStateOf(files)
  writeFileSync(files.certFile, second.cert)
  expect(fileStateOf(files)).not.toBe(written)
})
