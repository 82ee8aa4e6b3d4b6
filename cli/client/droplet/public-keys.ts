import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ConfigError } from '../../../src/core/errors.ts'

/** The public keys that OpenSSH makes by itself (ssh-keygen(1)). */
const DEFAULT_KEY_FILES = ['id_ed25519.pub', 'id_ed25519_sk.pub', 'id_ecdsa.pub', 'id_ecdsa_sk.pub', 'id_rsa.pub']

/**
 * Public keys of the person.
 * @param files named by the person, or none: then those that OpenSSH makes are taken as far as they are there
 * @throws ConfigError
 */
export function readPublicKeys(files: string | undefined, sshDir: string): string[] {
  if (files === 'none') return []
  if (files === undefined) return DEFAULT_KEY_FILES.flatMap(file => readKey(join(sshDir, file)) ?? [])
  return files.split(',').map(file => {
    const key = readKey(file)
    if (key === undefined) throw new ConfigError(`--ssh-keys: ${file} cannot be read: name a public key`)
    if (key.includes('PRIVATE KEY')) throw new ConfigError(`--ssh-keys: ${file} is a private key: name the public one`)
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
