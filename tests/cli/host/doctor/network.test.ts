import { beforeAll, expect, test } from 'bun:test'
import { chmodSync } from 'node:fs'
import { checkListener } from '../../../../cli/host/doctor/network.ts'
import type { Config } from '../../../../src/config/types.ts'
import { type CertificatePair, certificateFiles, createCertificate } from '../../../testkit/certificates.ts'
import { tempDir } from '../../../testkit/temp-dir.ts'

const DAY_MS = 24 * 3_600_000
let pair: CertificatePair
beforeAll(async () => {
  pair = await createCertificate('matrix.test')
})

const listenConfig = (overrides: Partial<Config['listen']>): Config['listen'] => ({
  host: '127.0.0.1',
  port: 1337,
  exposedWithoutTls: false,
  allowedHosts: [],
  trustedProxies: [],
  ...overrides,
})

test('accepts plain HTTP on loopback, and warns about it elsewhere', () => {
  expect(checkListener(listenConfig({}), 0)).toMatchObject([{ status: 'ok' }])
  expect(checkListener(listenConfig({ host: '0.0.0.0', exposedWithoutTls: true }), 0)).toMatchObject([
    { status: 'warning', text: expect.stringMatching(/plain HTTP on 0\.0\.0\.0.*--tls-cert/) },
  ])
})

function createCertificateFixture() {
  const dir = tempDir()
  const files = certificateFiles(dir.path)
  files.install(pair)
  const check = (now: number) => checkListener(listenConfig({ host: '0.0.0.0', tls: files }), now)
  return { files, check, [Symbol.dispose]: () => dir[Symbol.dispose]() }
}

test.each<[number, string, RegExp]>([
  [0, 'ok', /\(DNS:matrix\.test\) is valid for 29 more days$/],
  [17, 'warning', /is valid for 12 more days: renew it$/],
  [29, 'warning', /is valid for 0 more days: renew it$/],
  [31, 'failed', /it expired at .*Z: renew it$/],
])('rates a 30-day certificate after %d days', (days, status, text) => {
  using fixture = createCertificateFixture()
  const [finding] = fixture.check(Date.now() + days * DAY_MS + 60_000)
  expect(finding).toEqual({ check: 'tls', status, text: expect.stringMatching(text) } as typeof finding)
})

test('fails for a key that everyone can read, but not for group access', () => {
  using fixture = createCertificateFixture()
  chmodSync(fixture.files.keyFile, 0o640)
  expect(fixture.check(Date.now()).map(({ check }) => check)).not.toContain('tls key')
  chmodSync(fixture.files.keyFile, 0o644)
  expect(fixture.check(Date.now())).toContainEqual({
    check: 'tls key',
    status: 'failed',
    text: `${fixture.files.keyFile} can be read by everyone: run chmod o= ${fixture.files.keyFile}`,
  })
})
