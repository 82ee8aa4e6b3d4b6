import { chmodSync, mkdirSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { getKeys } from 'micro-key-producer/ssh.js'
import { ApiError } from '../core/errors.ts'
import type { RandomBytes } from '../core/random.ts'
import { Secret } from '../core/secret.ts'

export type DropletKeys = ReturnType<typeof createDropletKeys>

interface KeyPair {
  /** In OpenSSH format. */
  privateKey: Secret
  /** A line of `authorized_keys`, including the line feed. */
  publicLine: string
}

/**
 * The SSH key pairs of the droplets (Ed25519), where CIKit expects them:
 * `<directory>/cikitNN/cikitNN.private.key` (0400) and `cikitNN.public.key`.
 */
export function createDropletKeys(directory: string, random: RandomBytes) {
  return {
    generate(name: string): KeyPair {
      const keyPair = getKeys(random(32), name)
      return { privateKey: new Secret(keyPair.privateKey), publicLine: `${keyPair.publicKey}\n` }
    },

    /**
     * Stores a pair, replacing that of an earlier droplet of the same name.
     * @throws ApiError 922 when it cannot be written
     */
    save(name: string, keyPair: KeyPair): void {
      try {
        mkdirSync(directory, { recursive: true, mode: 0o700 })
        mkdirSync(folderPath(name), { recursive: true, mode: 0o700 })
        chmodSync(folderPath(name), 0o700)
        replaceFile(privateKeyPath(name), keyPair.privateKey.reveal(), 0o400)
        replaceFile(publicKeyPath(name), keyPair.publicLine, 0o600)
      } catch (cause) {
        throw new ApiError('storeUnavailable', { cause })
      }
    },

    /** Removes the pair, and its folder unless it contains other files. */
    remove(name: string): void {
      rmSync(privateKeyPath(name), { force: true })
      rmSync(publicKeyPath(name), { force: true })
      try {
        rmdirSync(folderPath(name))
      } catch {
        // Absent, or not empty: both are fine.
      }
    },
  }

  function folderPath(name: string) {
    return join(directory, name)
  }

  function privateKeyPath(name: string) {
    return join(folderPath(name), `${name}.private.key`)
  }

  function publicKeyPath(name: string) {
    return join(folderPath(name), `${name}.public.key`)
  }
}

function replaceFile(path: string, text: string, mode: number): void {
  const tempPath = `${path}.new`
  rmSync(tempPath, { force: true })
  writeFileSync(tempPath, text, { mode, flag: 'wx' })
  chmodSync(tempPath, mode)
  renameSync(tempPath, path)
}
