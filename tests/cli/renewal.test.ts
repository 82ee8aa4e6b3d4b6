import { beforeAll, expect, test } from 'bun:test'
import { createRenewal } from '../../cli/renewal.ts'
import { type Certificate, readCertificate } from '../../src/certificate.ts'
import { createLog } from '../../src/log.ts'
import { certificateFiles, makePair, type Pair } from '../_support/certificates.ts'
import { tempDir } from '../_support/temp-dir.ts'

const DAY_MS = 24 * 3_600_000
let first: Pair
let second: Pair
let expired: Pair
beforeAll(async () => {
  first = await makePair('one.test')
  second = await makePair('two.test')
  expired = await makePair('over.test', { days: 1 })
})

/** One that has the first pair in use. */
function begin(use: (certificate: Certificate) => void = () => {}) {
  const dir = tempDir()
  const files = certificateFiles(dir.path)
  files.put(first)
  let now = Date.now()
  const used: string[] = []
  const lines: { level: string; message: string; error?: string }[] = []
  const log = createLog({ write: line => void lines.push(JSON.parse(line)), readable: false, now: () => now })
  const renewal = createRenewal({
    files,
    present: readCertificate(files),
    use(certificate) {
      use(certificate)
      used.push(certificate.names)
    },
    now: () => now,
    log,
  })
  const pass = (ms: number) => {
    now += ms
  }
  return { dir, files, used, lines, pass, ...renewal, [Symbol.dispose]: () => dir[Symbol.dispose]() }
}

test('nothing is done as long as nothing has changed', () => {
  using renewal = begin()
  renewal.look()
  renewal.look()
  expect(renewal.used).toEqual([])
  expect(renewal.lines).toEqual([])
})

test('another pair is in use at the second look, when the files have come to rest', () => {
  using renewal = begin()
  renewal.files.put(second)
  renewal.look()
  expect(renewal.used).toEqual([])
  renewal.look()
  renewal.look()
  expect(renewal.used).toEqual(['DNS:two.test'])
  expect(renewal.lines).toMatchObject([
    { level: 'info', message: 'another certificate is in use', names: 'DNS:two.test' },
  ])
})

test('a change between reading the first pair and watching it is not missed', () => {
  using dir = tempDir()
  const files = certificateFiles(dir.path)
  files.put(first)
  const present = readCertificate(files)
  files.put(second)
  const used: string[] = []
  const log = createLog({ write: () => {}, readable: false, now: Date.now })
  const renewal = createRenewal({ files, present, use: ({ names }) => void used.push(names), now: Date.now, log })
  renewal.look()
  renewal.look()
  expect(used).toEqual(['DNS:two.test'])
})

test('between the certificate and its key there may be time', () => {
  using renewal = begin()
  renewal.files.put({ cert: second.cert, key: first.key })
  renewal.look()
  renewal.files.put(second)
  renewal.look()
  expect(renewal.lines).toEqual([])
  renewal.look()
  expect(renewal.used).toEqual(['DNS:two.test'])
})

test('by a signal it is at once', () => {
  using renewal = begin()
  renewal.files.put(second)
  renewal.now()
  expect(renewal.used).toEqual(['DNS:two.test'])
  renewal.now()
  expect(renewal.used).toHaveLength(1)
  expect(renewal.lines.at(-1)).toMatchObject({ level: 'info', message: 'the certificate is in use already' })
})

test.each<[string, () => Partial<Pair>, RegExp]>([
  ['of another key', () => ({ key: first.key }), /is not the key of the certificate/],
  ['broken', () => ({ cert: 'x' }), /holds no certificate/],
  ['over', () => expired, /it is over since .*: renew it/],
])('one that is %s is refused, told once, and the old one stays until there is a good one', (_, change, reason) => {
  using renewal = begin()
  renewal.pass(2 * DAY_MS)
  renewal.files.put({ ...second, ...change() })
  for (let looks = 0; looks < 4; looks++) renewal.look()
  expect(renewal.used).toEqual([])
  expect(renewal.lines).toEqual([
    expect.objectContaining({
      level: 'error',
      message: 'the new certificate cannot be used, and the old one stays',
      error: expect.stringMatching(reason),
      names: 'DNS:one.test',
    }),
  ])
  renewal.files.put(second)
  renewal.look()
  renewal.look()
  expect(renewal.used).toEqual(['DNS:two.test'])
})

test('one that TLS does not take is refused as well', () => {
  using renewal = begin(() => {
    throw new Error('no such curve')
  })
  renewal.files.put(second)
  renewal.now()
  expect(renewal.lines).toMatchObject([{ level: 'error', error: 'no such curve', names: 'DNS:one.test' }])
})

test('one that is over soon is warned of, once a day, until it is renewed', () => {
  using renewal = begin()
  const warnings = () => renewal.lines.filter(({ level }) => level === 'warn').length
  renewal.pass(15 * DAY_MS)
  renewal.look()
  expect(warnings()).toBe(0)
  renewal.pass(2 * DAY_MS)
  renewal.look()
  renewal.look()
  expect(warnings()).toBe(1)
  renewal.pass(DAY_MS)
  renewal.look()
  expect(warnings()).toBe(2)
})
