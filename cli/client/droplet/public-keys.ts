import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ConfigError } from '../../../src/core/errors.ts'

/** Default names of public keys (ssh-keygen(1)). */
const DEFAULT_KEY_FILES = ['id_ed25519.pub', 'id_ed25519_sk.pub', 'id_ecdsa.pub', 'id_ecdsa_sk.pub', 'id_rsa.pub']

/**
 * Reads the user's public keys.
 * @param files paths separated by commas, or `none`; undefined for the default keys that exist
 * @throws ConfigError
 */
export function readPublicKeys(files: string | undefined, sshDir: string): string[] {
  if (files === 'none') return []
  if (files === undefined) return DEFAULT_KEY_FILES.flatMap(file => readKey(join(sshDir, file)) ?? [])
  return files.split(',').map(file => {
    const key = readKey(file)
    if (key === undefined) throw new ConfigError(`--ssh-keys: ${file} cannot be read: name a public key file`)
    if (key.includes('PRIVATE KEY'))
      throw new ConfigError(`--ssh-keys: ${file} is a private key: name the public key instead`)
    return key
  })
}

function readKey(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    return undefined
  }
}
