import { chmodSync, existsSync } from 'node:fs'
import { ApiError, OperatorError } from '../core/errors.ts'
import type { RandomBytes } from '../core/random.ts'
import type { Database } from './database.ts'
import { createSecretBox, type SecretBox } from './encryption.ts'
import {
  bytesEqual,
  createKeyCheck,
  encryptionKeyFile,
  encryptKeyCheck,
  finishRotation,
  hashKey,
  hashKeyFile,
  KEY_CHECK_CONTEXT,
  type KeyLocation,
  nextKeyFile,
} from './encryption-key.ts'
import { ensureKeyFile, readKeyFile } from './key-file.ts'

/** The secret box of a data directory. Another process may rotate its key at any time. */
export interface RotatableSecretBox extends SecretBox {
  /** Whether this process encrypted the value with the current key. */
  isCurrent(encrypted: Uint8Array): boolean
  /**
   * Runs in the transaction that stores the value.
   * @throws ApiError 922 when the key was rotated since the encryption
   */
  requireCurrent(encrypted: Uint8Array): void
}

interface LoadedKey {
  secretBox: SecretBox
  hash: Uint8Array
}

/**
 * Opens the secret box with the key of the data directory (`sealing.key`, 0600, 32 bytes in hex) or with the operator's
 * key file. Creates a key only in the data directory and only while nothing is encrypted: a lost key is an error.
 * @throws OperatorError naming the file, when the key is missing or wrong
 */
export async function openSecretBox(
  db: Database,
  location: KeyLocation,
  random: RandomBytes,
): Promise<RotatableSecretBox> {
  const { dataDir, keyFile } = location
  const file = encryptionKeyFile(location)
  const keyCheck = createKeyCheck(db)
  if (keyFile === undefined) {
    if (!keyCheck.get()) ensureKeyFile(file, random)
    else if (existsSync(file)) chmodSync(file, 0o600)
  }
  await finishRotation(db, file)
  let current = await load()
  let previous: LoadedKey | undefined
  const encryptedWith = new WeakMap<Uint8Array, LoadedKey>()

  return {
    async encrypt(plaintext, context) {
      await reloadIfReplaced()
      const usedKey = current
      const encrypted = await usedKey.secretBox.encrypt(plaintext, context)
      encryptedWith.set(encrypted, usedKey)
      return encrypted
    },

    async decrypt(encrypted, context) {
      try {
        return await current.secretBox.decrypt(encrypted, context)
      } catch (error) {
        // The key may have been rotated just before or after the value was read.
        const candidates = (await reloadIfReplaced()) ? [current, previous] : [previous]
        for (const candidate of candidates) {
          const plaintext = await candidate?.secretBox.decrypt(encrypted, context).catch(() => undefined)
          if (plaintext) return plaintext
        }
        throw error
      }
    },

    isCurrent,

    requireCurrent(encrypted) {
      if (isCurrent(encrypted)) return
      throw new ApiError('storeUnavailable', { text: 'The encryption key was just rotated: try again' })
    },
  }

  function isCurrent(encrypted: Uint8Array): boolean {
    return bytesEqual(keyCheck.get()?.hash, encryptedWith.get(encrypted)?.hash)
  }

  async function load(): Promise<LoadedKey> {
    const key = readKeyFile(currentKeyFile())
    const secretBox = createSecretBox(key, random)
    const loadedKey = { secretBox, hash: hashKey(key) }
    if (!keyCheck.get()) {
      const encrypted = await encryptKeyCheck(secretBox)
      // Another process may insert its check first; the key is then verified against that one.
      await db.write(() => keyCheck.insertIfMissing(encrypted, loadedKey.hash))
    }
    await secretBox.decrypt(keyCheck.get()?.encrypted ?? new Uint8Array(), KEY_CHECK_CONTEXT).catch(cause => {
      throw new OperatorError(
        `The key in ${file} is not the one that encrypted the secrets in ${dataDir}: restore the right key`,
        { cause },
      )
    })
    return loadedKey
  }

  /** If a rotation could not replace the key file, its key is in the `.new` file. */
  function currentKeyFile(): string {
    const next = nextKeyFile(file)
    return bytesEqual(keyCheck.get()?.hash, hashKeyFile(next)) ? next : file
  }

  /** @returns whether the key was replaced */
  async function reloadIfReplaced(): Promise<boolean> {
    if (bytesEqual(keyCheck.get()?.hash, current.hash)) return false
    await finishRotation(db, file)
    previous = current
    current = await load()
    return true
  }
}
