import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { create } from 'qrcode'
import { expectedFailure, runCli } from '../../testkit/cli.ts'
import { memoryDir } from '../../testkit/temp-dir.ts'

type Enrolment = Record<'username' | 'group' | 'secret' | 'otpauth_url' | 'qr', string> & { recovery_codes?: string[] }

function createHost() {
  const dir = memoryDir()
  const dataDirFlags = ['--data-dir', join(dir.path, 'data')]
  const createUser = (...args: string[]) => runCli(['create-user', ...args, ...dataDirFlags])
  return {
    createUser,
    async enrol(...args: string[]): Promise<Enrolment> {
      const { exitCode, stdout, stderr } = await createUser(...args, '--json')
      expect({ exitCode, stderr, lines: stdout.split('\n').length }).toEqual({ exitCode: 0, stderr: '', lines: 2 })
      return JSON.parse(stdout)
    },
    [Symbol.dispose]: dir[Symbol.dispose],
  }
}

/** The modules of a QR code drawn with half blocks, without its white margin. */
function modulesOf(text: string): boolean[][] {
  const rows = text
    .split('\n')
    .filter(line => line.startsWith('\x1b[38;5;16;48;5;231m'))
    .map(line => [...line.slice('\x1b[38;5;16;48;5;231m'.length, -'\x1b[0m'.length)])
    .flatMap(line => [line.map(block => '█▀'.includes(block)), line.map(block => '█▄'.includes(block))])
  return rows.slice(4, rows[0] && rows[0].length - 4).map(row => row.slice(4, -4))
}

test('--json prints the user, secret, otpauth URL and QR code', async () => {
  using host = createHost()
  const enrolment = await host.enrol('-u', 'ann', '-g', 'owner')
  expect(enrolment).toEqual({
    username: 'ann',
    group: 'owner',
    secret: expect.stringMatching(/^[A-Z2-7]{32}$/),
    otpauth_url: expect.stringMatching(/^otpauth:\/\/totp\//),
    qr: expect.stringMatching(/^data:image\/png;base64,iVBOR/),
    recovery_codes: Array(10).fill(expect.stringMatching(/^[a-z2-7]{4}(-[a-z2-7]{4}){3}$/)),
  })
})

test('the otpauth URL contains what authenticator apps need', async () => {
  using host = createHost()
  const { otpauth_url, secret } = await host.enrol('-u', 'ann', '-g', 'viewer')
  const url = new URL(otpauth_url)
  expect(Object.fromEntries(url.searchParams)).toEqual({
    issuer: 'CIKIT Matrix (ann)',
    secret,
    algorithm: 'SHA1',
    digits: '6',
    period: '30',
  })
  expect(decodeURIComponent(url.pathname)).toMatch(/CIKIT Matrix \(ann\):.+$/)
})

test('the text form shows the secret, the otpauth URL and its QR code', async () => {
  using host = createHost()
  const { exitCode, stdout, stderr } = await host.createUser('-u', 'ann', '-g', 'manager')
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  expect(stdout).toContain('ann (manager)')
  expect(stdout).toMatch(/Secret +[A-Z2-7]{32}\n/)
  const address = /otpauth:\/\/\S+/.exec(stdout)?.[0] ?? ''
  const { modules } = create(address, { errorCorrectionLevel: 'L' })
  const expected = Array.from({ length: modules.size }, (_, row) =>
    Array.from({ length: modules.size }, (_, column) => Boolean(modules.get(row, column))),
  )
  expect(modulesOf(stdout)).toEqual(expected)
})

test('the text form shows ten recovery codes, only with a new secret', async () => {
  using host = createHost()
  const codes = async (...more: string[]) => {
    const { stdout } = await host.createUser('-u', 'ann', '-g', 'manager', ...more)
    return stdout.match(/\b[a-z2-7]{4}(-[a-z2-7]{4}){3}\b/g) ?? []
  }
  const first = await codes()
  expect(new Set(first).size).toBe(10)
  expect(await codes()).toEqual([])
  const second = await codes('-r')
  expect(new Set([...first, ...second]).size).toBe(20)
})

describe('an existing user', () => {
  test('keeps its secret without -r', async () => {
    using host = createHost()
    const { recovery_codes: _, ...first } = await host.enrol('-u', 'ann', '-g', 'viewer')
    for (let again = 0; again < 2; again++) expect(await host.enrol('-u', 'ann', '-g', 'viewer')).toEqual(first)
  })

  test('gets a new secret with -r', async () => {
    using host = createHost()
    const first = await host.enrol('-u', 'ann', '-g', 'owner')
    const second = await host.enrol('-u', 'ann', '-g', 'owner', '-r')
    expect(second.secret).not.toBe(first.secret)
    expect((await host.enrol('-u', 'ann', '-g', 'owner')).secret).toBe(second.secret)
  })

  test('moves to another group only with -r', async () => {
    using host = createHost()
    const { secret } = await host.enrol('-u', 'ann', '-g', 'viewer')
    expect(await host.createUser('-u', 'ann', '-g', 'manager')).toEqual(expectedFailure(1, /"ann".*viewer.*-r/))
    expect((await host.enrol('-u', 'ann', '-g', 'viewer')).secret).toBe(secret)
    expect((await host.enrol('-u', 'ann', '-g', 'manager', '-r')).group).toBe('manager')
  })
})

test('rejects a second owner and creates no user', async () => {
  using host = createHost()
  await host.enrol('-u', 'ann', '-g', 'owner')
  expect(await host.createUser('-u', 'bob', '-g', 'owner')).toEqual(expectedFailure(1, /already an owner/))
  expect((await host.enrol('-u', 'bob', '-g', 'viewer')).group).toBe('viewer')
})

test('-r creates a missing user', async () => {
  using host = createHost()
  expect((await host.enrol('-u', 'ann', '-g', 'viewer', '-r')).username).toBe('ann')
})

test.each([
  [['-u', 'ann', '-g', 'king'], /-g "king".*viewer, manager or owner/],
  [['-u', 'ann', '-g', 'Owner'], /-g "Owner".*viewer, manager or owner/],
  [['-u', 'a/b', '-g', 'viewer'], /-u "a.b"/],
])('%p is rejected', async (args, message) => {
  using host = createHost()
  expect(await host.createUser(...args)).toEqual(expectedFailure(2, message))
})
