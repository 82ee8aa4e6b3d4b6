import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { fingerprintOf, parseHostKey } from '../../../src/users/ssh-keys/host-key.ts'
import { HOST_KEY } from '../../testkit/droplets/droplet.ts'
import { hostileTexts } from '../../testkit/properties/check-property.ts'
import { tempDir } from '../../testkit/temp-dir.ts'

const blob = HOST_KEY.key.split(' ')[1] ?? ''

test.each([
  ['ed25519', '256'],
  ['ecdsa', '256'],
  ['ecdsa', '384'],
  ['ecdsa', '521'],
  ['rsa', '2048'],
  ['rsa', '4096'],
])('accepts an %s key of %s bits from ssh-keygen, with the same fingerprint', async (type, bits) => {
  using dir = tempDir()
  const file = join(dir.path, 'key')
  Bun.spawnSync(['ssh-keygen', '-q', '-t', type, '-b', bits, '-N', '', '-C', 'root@cikit01', '-f', file])
  const line = (await Bun.file(`${file}.pub`).text()).trim()
  const key = parseHostKey(line)
  expect(`${key} root@cikit01`).toBe(line)
  const output = Bun.spawnSync(['ssh-keygen', '-lf', `${file}.pub`]).stdout.toString()
  expect(output.split(' ')[1]).toBe(fingerprintOf(key ?? ''))
})

describe('rejects', () => {
  test.each([
    ['an empty text', ''],
    ['a type alone', 'ssh-ed25519'],
    ['a key whose blob has another type', `ssh-rsa ${blob}`],
    ['a user key', `sk-ssh-ed25519@openssh.com ${blob}`],
    ['an obsolete type', `ssh-dss ${blob}`],
    ['a truncated key', HOST_KEY.key.slice(0, 40)],
    ['a key followed by another line', `${HOST_KEY.key} me\n${HOST_KEY.key}`],
    ['a key with an option', `@cert-authority ${HOST_KEY.key}`],
    ['a key that is too long', `${HOST_KEY.key}${'A'.repeat(3_000)}`],
    ['a key with an endless comment', `${HOST_KEY.key} ${'a'.repeat(3_000)}`],
    ...hostileTexts.map((text): [string, string] => [JSON.stringify(text), text]),
  ])('%s', (_, text) => {
    expect(parseHostKey(text)).toBeUndefined()
  })
})
