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
])('a key of ssh-keygen, %s of %s bits, is known, and its fingerprint', async (type, bits) => {
  using dir = tempDir()
  const file = join(dir.path, 'key')
  Bun.spawnSync(['ssh-keygen', '-q', '-t', type, '-b', bits, '-N', '', '-C', 'root@cikit01', '-f', file])
  const line = (await Bun.file(`${file}.pub`).text()).trim()
  const key = parseHostKey(line)
  expect(`${key} root@cikit01`).toBe(line)
  const output = Bun.spawnSync(['ssh-keygen', '-lf', `${file}.pub`]).stdout.toString()
  expect(output.split(' ')[1]).toBe(fingerprintOf(key ?? ''))
})

describe('is no host key:', () => {
  test.each([
    ['nothing', ''],
    ['a type alone', 'ssh-ed25519'],
    ['a key of another type than it says', `ssh-rsa ${blob}`],
    ['a key of a user', `sk-ssh-ed25519@openssh.com ${blob}`],
    ['a type of old', `ssh-dss ${blob}`],
    ['one that is cut off', HOST_KEY.key.slice(0, 40)],
    ['one with a line after it', `${HOST_KEY.key} me\n${HOST_KEY.key}`],
    ['one with an option before it', `@cert-authority ${HOST_KEY.key}`],
    ['a longer one than there is', `${HOST_KEY.key}${'A'.repeat(3_000)}`],
    ['one with a comment that does not end', `${HOST_KEY.key} ${'a'.repeat(3_000)}`],
    ...hostileTexts.map((text): [string, string] => [JSON.stringify(text), text]),
  ])('%s', (_, text) => {
    expect(parseHostKey(text)).toBeUndefined()
  })
})
