import { chmodSync, mkdirSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { getKeys } from 'micro-key-producer/ssh.js'
import { ApiError } from '../errors.ts'
import { Secret } from '../secret.ts'
import type { RandomBytes } from '../store/key-file.ts'

export type DropletKeys = ReturnType<typeof createDropletKeys>

export interface KeyPair {
  /** In OpenSSH's own format. */
  privateKey: Secret
  /** A line of `authorized_keys`, with its line feed. */
  publicLine: string
}

/**
 * The SSH key pairs of the droplets (Ed25519), where CIKit looks for them:
 * `<directory>/cikitNN/cikitNN.private.key` (0400) and `cikitNN.public.key`.
 */
export function createDropletKeys(directory: string, random: RandomBytes) {
  return {
    generate(name: string): KeyPair {
      const pair = getKeys(random(32), name)
      return { privateKey: new Secret(pair.privateKey), publicLine: `${pair.publicKey}\n` }
    },

    /**
     * Keeps a pair; what an earlier droplet of that name left behind is replaced.
     * @throws ApiError 922 when it cannot be written
     */
    save(name: string, pair: KeyPair): void {
      try {
        mkdirSync(directory, { recursive: true, mode: 0o700 })
        mkdirSync(folder(name), { recursive: true, mode: 0o700 })
        chmodSync(folder(name), 0o700)
        replaceFile(privateKey(name), pair.privateKey.reveal(), 0o400)
        replaceFile(publicKey(name), pair.publicLine, 0o600)
      } catch (cause) {
        throw new ApiError('storeUnavailable', { cause })
      }
    },

    /** Removes the pair, and its folder unless somebody keeps other things in it. */
    remove(name: string): void {
      rmSync(privateKey(name), { force: true })
      rmSync(publicKey(name), { force: true })
      try {
        rmdirSync(folder(name))
      } catch {
        // Absent, or not empty: both are as they should be.
      }
    },
  }

  function folder(name: string) {
    return join(directory, name)
  }

  function privateKey(name: string) {
    return join(folder(name), `${name}.private.key`)
  }

  function publicKey(name: string) {
    return join(folder(name), `${name}.public.key`)
  }
}

function replaceFile(path: string, text: string, mode: number): void {
  const draft = `${path}.new`
  rmSync(draft, { force: true })
  writeFileSync(draft, text, { mode, flag: 'wx' })
  chmodSync(draft, mode)
  renameSync(draft, path)
}
