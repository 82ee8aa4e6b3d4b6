import { createHash } from 'node:crypto'
import { chmodSync, existsSync, realpathSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ApiError, OperatorError } from '../core/errors.ts'
import type { RandomBytes } from '../core/random.ts'
import type { Database } from './database.ts'
import { createSecretBox, type SecretBox } from './encryption.ts'
import { ENCRYPTION_KEY_FILE, NEXT_KEY_SUFFIX } from './files.ts'
import { ensureKeyFile, fsyncDirectory, type Key, readKeyFile } from './key-file.ts'

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

/** Where the encryption key is. */
export interface KeyLocation {
  dataDir: string
  /** Path of the key file outside the data directory. */
  keyFile?: string
}

/** Path of the key file, with symbolic links resolved. */
export function encryptionKeyFile({ dataDir, keyFile }: KeyLocation): string {
  const file = keyFile ?? join(dataDir, ENCRYPTION_KEY_FILE)
  return existsSync(file) ? realpathSync(file) : file
}

export const KEY_CHECK_CONTEXT = 'sealing-check'

/** Whether the encryption key is in use and must not be lost. */
export function hasEncryptedSecrets(db: Database): boolean {
  return createKeyCheck(db).get() !== undefined
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

/** The value that detects a wrong key. */
export function encryptKeyCheck(secretBox: SecretBox): Promise<Uint8Array> {
  return secretBox.encrypt(new TextEncoder().encode(KEY_CHECK_CONTEXT), KEY_CHECK_CONTEXT)
}

/** A value encrypted with the right key, and the hash of that key. */
export function createKeyCheck({ sql }: Pick<Database, 'sql'>) {
  const select = sql.query<{ encrypted: Uint8Array; hash: Uint8Array }, []>(
    'SELECT encrypted, key_hash AS hash FROM encryption_key_check',
  )
  const insert = sql.query<null, [Uint8Array, Uint8Array]>(
    'INSERT OR IGNORE INTO encryption_key_check (id, encrypted, key_hash) VALUES (1, ?, ?)',
  )
  return {
    get: () => select.get() ?? undefined,
    insertIfMissing: (encrypted: Uint8Array, hash: Uint8Array): void => void insert.run(encrypted, hash),
  }
}

/** Replaces the key file if the rotation was committed; otherwise removes the new key. */
export async function finishRotation(db: Database, file: string): Promise<void> {
  const next = nextKeyFile(file)
  if (!existsSync(next)) return
  // In a transaction, since another process may be rotating the key.
  await db.write(() => {
    const hash = createKeyCheck(db).get()?.hash
    if (!existsSync(next) || !hash) return
    if (bytesEqual(hash, hashKeyFile(next))) tryReplace(next, file)
    else if (bytesEqual(hash, hashKeyFile(file))) rmSync(next)
    fsyncDirectory(dirname(file))
  })
}

/** If this fails, the key is read from its `.new` file. */
function tryReplace(next: string, file: string): void {
  try {
    renameSync(next, file)
  } catch {
    // A file that is a mount point cannot be replaced; rotations are rejected there.
  }
}

/** Undefined for a missing or incomplete key file. */
export function hashKeyFile(file: string): Uint8Array | undefined {
  try {
    return hashKey(readKeyFile(file))
  } catch {
    return undefined
  }
}

export function nextKeyFile(file: string): string {
  return file + NEXT_KEY_SUFFIX
}

export function hashKey(key: Key): Uint8Array {
  return createHash('sha256').update(key.reveal()).digest()
}

/** False if either value is missing. */
export function bytesEqual(left: Uint8Array | null | undefined, right: Uint8Array | null | undefined): boolean {
  return left != null && right != null && Buffer.from(left).equals(right)
}
