import { beforeAll, expect, test } from 'bun:test'
import { chmodSync } from 'node:fs'
import { checkListening } from '../../../cli/doctor/network.ts'
import type { Config } from '../../../src/config.ts'
import { certificateFiles, makePair, type Pair } from '../../_support/certificates.ts'
import { tempDir } from '../../_support/temp-dir.ts'

const DAY_MS = 24 * 3_600_000
let pair: Pair
beforeAll(async () => {
  pair = await makePair('matrix.test')
})

const place = (more: Partial<Config['listen']>): Config['listen'] => ({
  host: '127.0.0.1',
  port: 1337,
  exposedWithoutTls: false,
  allowedHosts: [],
  trustedProxies: [],
  ...more,
})

test('plain HTTP is fine on loopback, and warned of where others reach it', () => {
  expect(checkListening(place({}), 0)).toMatchObject([{ status: 'ok' }])
  expect(checkListening(place({ host: '0.0.0.0', exposedWithoutTls: true }), 0)).toMatchObject([
    { status: 'warning', text: expect.stringMatching(/plain HTTP on 0\.0\.0\.0.*--tls-cert/) },
  ])
})

function withPair() {
  const dir = tempDir()
  const files = certificateFiles(dir.path)
  files.put(pair)
  const look = (now: number) => checkListening(place({ host: '0.0.0.0', tls: files }), now)
  return { files, look, [Symbol.dispose]: () => dir[Symbol.dispose]() }
}

test.each<[number, string, RegExp]>([
  [0, 'ok', /\(DNS:matrix\.test\) is good for 29 more days$/],
  [17, 'warning', /is good for 12 more days: renew it$/],
  [29, 'warning', /is good for 0 more days: renew it$/],
  [31, 'failed', /it is over since .*Z: renew it$/],
])('a certificate of 30 days, after %d days', (days, status, text) => {
  using here = withPair()
  const [found] = here.look(Date.now() + days * DAY_MS + 60_000)
  expect(found).toEqual({ check: 'tls', status, text: expect.stringMatching(text) } as typeof found)
})

test('a key that everybody can read is told, one of a group is not', () => {
  using here = withPair()
  chmodSync(here.files.keyFile, 0o640)
  expect(here.look(Date.now()).map(({ check }) => check)).not.toContain('tls key')
  chmodSync(here.files.keyFile, 0o644)
  expect(here.look(Date.now())).toContainEqual({
    check: 'tls key',
    status: 'failed',
    text: `${here.files.keyFile} can be read by everybody: chmod o= ${here.files.keyFile}`,
  })
})
