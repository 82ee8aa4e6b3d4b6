import { beforeAll, expect, test } from 'bun:test'
import { createCertificateRenewal } from '../../../cli/server/certificate-renewal.ts'
import { type Certificate, readCertificate } from '../../../src/core/certificate.ts'
import { createLog } from '../../../src/core/log.ts'
import { type CertificatePair, certificateFiles, createCertificate } from '../../testkit/certificates.ts'
import { tempDir } from '../../testkit/temp-dir.ts'

const DAY_MS = 24 * 3_600_000
let first: CertificatePair
let second: CertificatePair
let expired: CertificatePair
beforeAll(async () => {
  first = await createCertificate('one.test')
  second = await createCertificate('two.test')
  expired = await createCertificate('expired.test', { days: 1 })
})

/** A renewal with the first pair in use. */
function createFixture(apply: (certificate: Certificate) => void = () => {}) {
  const dir = tempDir()
  const files = certificateFiles(dir.path)
  files.install(first)
  let now = Date.now()
  const used: string[] = []
  const lines: { level: string; message: string; error?: string }[] = []
  const log = createLog({ write: line => void lines.push(JSON.parse(line)), readable: false, now: () => now })
  const renewal = createCertificateRenewal({
    files,
    current: readCertificate(files),
    apply(certificate) {
      apply(certificate)
      used.push(certificate.names)
    },
    now: () => now,
    log,
  })
  const advance = (ms: number) => {
    now += ms
  }
  return { dir, files, used, lines, advance, ...renewal, [Symbol.dispose]: () => dir[Symbol.dispose]() }
}

test('does nothing while the files are unchanged', () => {
  using renewal = createFixture()
  renewal.poll()
  renewal.poll()
  expect(renewal.used).toEqual([])
  expect(renewal.lines).toEqual([])
})

test('uses a new pair at the second poll, once the files are stable', () => {
  using renewal = createFixture()
  renewal.files.install(second)
  renewal.poll()
  expect(renewal.used).toEqual([])
  renewal.poll()
  renewal.poll()
  expect(renewal.used).toEqual(['DNS:two.test'])
  expect(renewal.lines).toMatchObject([
    { level: 'info', message: 'a new certificate is in use', names: 'DNS:two.test' },
  ])
})

test('notices a change between reading the first pair and the first poll', () => {
  using dir = tempDir()
  const files = certificateFiles(dir.path)
  files.install(first)
  const current = readCertificate(files)
  files.install(second)
  const used: string[] = []
  const log = createLog({ write: () => {}, readable: false, now: Date.now })
  const renewal = createCertificateRenewal({
    files,
    current,
    apply: ({ names }) => void used.push(names),
    now: Date.now,
    log,
  })
  renewal.poll()
  renewal.poll()
  expect(used).toEqual(['DNS:two.test'])
})

test('waits for the key if only the certificate has changed', () => {
  using renewal = createFixture()
  renewal.files.install({ cert: second.cert, key: first.key })
  renewal.poll()
  renewal.files.install(second)
  renewal.poll()
  expect(renewal.lines).toEqual([])
  renewal.poll()
  expect(renewal.used).toEqual(['DNS:two.test'])
})

test('reloads at once on a signal', () => {
  using renewal = createFixture()
  renewal.files.install(second)
  renewal.reload()
  expect(renewal.used).toEqual(['DNS:two.test'])
  renewal.reload()
  expect(renewal.used).toHaveLength(1)
  expect(renewal.lines.at(-1)).toMatchObject({ level: 'info', message: 'the certificate is already in use' })
})

test.each<[string, () => Partial<CertificatePair>, RegExp]>([
  ['for another key', () => ({ key: first.key }), /is not the key of the certificate/],
  ['broken', () => ({ cert: 'x' }), /contains no certificate/],
  ['expired', () => expired, /it expired at .*: renew it/],
])(
  'rejects a certificate that is %s, logs it once, and keeps the current one until a valid one appears',
  (_, change, reason) => {
    using renewal = createFixture()
    renewal.advance(2 * DAY_MS)
    renewal.files.install({ ...second, ...change() })
    for (let polls = 0; polls < 4; polls++) renewal.poll()
    expect(renewal.used).toEqual([])
    expect(renewal.lines).toEqual([
      expect.objectContaining({
        level: 'error',
        message: 'the new certificate cannot be used; the current one stays in use',
        error: expect.stringMatching(reason),
        names: 'DNS:one.test',
      }),
    ])
    renewal.files.install(second)
    renewal.poll()
    renewal.poll()
    expect(renewal.used).toEqual(['DNS:two.test'])
  },
)

test('rejects a certificate that TLS does not accept', () => {
  using renewal = createFixture(() => {
    throw new Error('no such curve')
  })
  renewal.files.install(second)
  renewal.reload()
  expect(renewal.lines).toMatchObject([{ level: 'error', error: 'no such curve', names: 'DNS:one.test' }])
})

test('warns about expiry once a day until it is renewed', () => {
  using renewal = createFixture()
  const warnings = () => renewal.lines.filter(({ level }) => level === 'warn').length
  renewal.advance(15 * DAY_MS)
  renewal.poll()
  expect(warnings()).toBe(0)
  renewal.advance(2 * DAY_MS)
  renewal.poll()
  renewal.poll()
  expect(warnings()).toBe(1)
  renewal.advance(DAY_MS)
  renewal.poll()
  expect(warnings()).toBe(2)
})
