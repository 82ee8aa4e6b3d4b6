import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../../scripts/lib/run.ts'
import { createDropletKeys } from '../../src/droplets/keys.ts'
import { tempDir } from '../testkit/temp-dir.ts'

test('OpenSSH derives the stored public key from the private key of a droplet', async () => {
  using dir = tempDir()
  const keys = createDropletKeys(dir.path, size => crypto.getRandomValues(new Uint8Array(size)))
  keys.save('cikit01', keys.generate('cikit01'))
  const file = (kind: string) => join(dir.path, 'cikit01', `cikit01.${kind}.key`)
  const derived = await run(['ssh-keygen', '-y', '-P', '', '-f', file('private')])
  const [type, key] = readFileSync(file('public'), 'utf8').split(' ')
  expect(derived.trim().split(' ').slice(0, 2)).toEqual([type ?? 'no type', key ?? 'no key'])
})
