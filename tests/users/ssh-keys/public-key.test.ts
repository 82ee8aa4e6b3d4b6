import { describe, expect, test } from 'bun:test'
import { parseSshKeys } from '../../../src/users/ssh-keys/public-key.ts'
import { createTestApi } from '../../testkit/api/test-api.ts'

/** A key in OpenSSH's format: the length-prefixed type, then the given number of bytes. */
function keyOf(type: string, bytes = 64, fill = 7): string {
  const head = Buffer.alloc(4)
  head.writeUInt32BE(type.length)
  return `${type} ${Buffer.concat([head, Buffer.from(type), Buffer.alloc(bytes, fill)]).toString('base64')}`
}

const ED25519 = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIbtjyO8tqhXrH0rhMbWjXwMhv7fJZIsuxj9sR0MZ7Yy'

test.each([
  'ssh-ed25519',
  'ssh-rsa',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'sk-ssh-ed25519@openssh.com',
  'sk-ecdsa-sha2-nistp256@openssh.com',
])('accepts a key of type %s', type => {
  expect(parseSshKeys([keyOf(type)])).toEqual([keyOf(type)])
})

test.each([[undefined], [null], [''], [[]]])('%p contains no keys', value => {
  expect(parseSshKeys(value)).toEqual([])
})

test('strips unsafe characters from a comment, and white space around a key', () => {
  expect(parseSshKeys(`  ${ED25519}  ann@laptop (work)\n`)).toEqual([`${ED25519} ann@laptop work`])
  expect(parseSshKeys([`${ED25519} ${'x'.repeat(1_000)}`])).toEqual([`${ED25519} ${'x'.repeat(100)}`])
})

test('removes a duplicate key', () => {
  expect(parseSshKeys([`${ED25519} one`, `${ED25519} two`, keyOf('ssh-rsa')])).toEqual([
    `${ED25519} two`,
    keyOf('ssh-rsa'),
  ])
})

test('accepts at most twenty keys', () => {
  const keys = Array.from({ length: 21 }, (_, number) => keyOf('ssh-ed25519', 36, number))
  expect(parseSshKeys(keys.slice(1))).toHaveLength(20)
  expect(() => parseSshKeys(keys)).toThrow('At most 20')
})

describe('rejects', () => {
  test.each<[string, unknown]>([
    ['a number', 7],
    ['an object', { key: ED25519 }],
    ['a nested array', [[ED25519]]],
    ['a word', 'hello'],
    ['a private key', '-----BEGIN OPENSSH PRIVATE KEY-----'],
    ['a key with options', `command="reboot" ${ED25519}`],
    ['a certificate', keyOf('ssh-ed25519-cert-v01@openssh.com')],
    ['an obsolete type', keyOf('ssh-dss')],
    ['a key whose blob has another type', ED25519.replace('ssh-ed25519', 'ssh-rsa')],
    ['a truncated key', ED25519.slice(0, 40)],
    ['invalid Base64', 'ssh-ed25519 AAAA-_AAAA'],
    ['a second line', `${ED25519}\n${ED25519}`],
    ['a second line after a comment', `${ED25519} ann\nssh-rsa AAAA`],
    ['a carriage return', `${ED25519} ann\rssh-rsa AAAA`],
    ['an empty key', [ED25519, '']],
  ])('%s', (_, value) => {
    expect(() => parseSshKeys(value)).toThrow(/^Key \d of "ssh_keys" is not a valid SSH public key/)
  })
})

test('POST /droplet/add installs the keys, and an invalid key rejects it before anything is created', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('manager')
  const rejected = await api.call('POST', '/droplet/add', { token, json: { ssh_keys: [ED25519, 'hello'] } })
  expect(rejected).toMatchObject({ status: 400, body: { errorId: 917 } })
  expect(api.memoryEngine.calls).toEqual([])
  expect((await api.call('POST', '/droplet/add', { token, json: { ssh_keys: [`${ED25519} ann`] } })).status).toBe(200)
  expect(api.memoryEngine.authorizedKeys.at(-1)).toMatch(/^ssh-ed25519 \S+ cikit01\nssh-ed25519 \S+ ann\n$/)
  const formHeaders = { 'content-type': 'application/x-www-form-urlencoded' }
  const body = `ssh_keys=${encodeURIComponent(ED25519)}`
  expect((await api.call('POST', '/droplet/add', { token, body, headers: formHeaders })).status).toBe(200)
  expect(api.memoryEngine.authorizedKeys.at(-1)).toContain(ED25519)
})
