import { createHash } from 'node:crypto'
import { chmodSync, existsSync, realpathSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ApiError, OperatorError } from '../core/errors.ts'
import type { RandomBytes } from '../core/random.ts'
import type { Database } from './database.ts'
import { createSecretBox, type SecretBox } from './encryption.ts'
import { NEXT_KEY_SUFFIX, SEALING_KEY_FILE } from './files.ts'
import { ensureKeyFile, fsyncDirectory, type Key, readKeyFile } from './key-file.ts'

/** The sealer of a data directory, whose key may be replaced by another process at any time. */
export interface RotatableSecretBox extends SecretBox {
  /** Whether this was sealed, by this process, with the key that is the present one. */
  isCurrent(encrypted: Uint8Array): boolean
  /**
   * To be asked inside the transaction that stores what was sealed.
   * @throws ApiError 922 when the key was replaced in between
   */
  requireCurrent(encrypted: Uint8Array): void
}

/** Where the sealing key is. */
export interface KeyLocation {
  dataDir: string
  /** Where the operator keeps it elsewhere. */
  keyFile?: string
}

/** The file itself, where a link leads to it. */
export function sealingKeyFile({ dataDir, keyFile }: KeyLocation): string {
  const file = keyFile ?? join(dataDir, SEALING_KEY_FILE)
  return existsSync(file) ? realpathSync(file) : file
}

export const KEY_CHECK_CONTEXT = 'sealing-check'

/** Whether there is a sealing key that must not be lost. */
export function hasEncryptedSecrets(db: Database): boolean {
  return createKeyCheck(db).get() !== undefined
}

/** A key in use. */
interface LoadedKey {
  secretBox: SecretBox
  hash: Uint8Array
}

/**
 * The sealer with the key of this data directory (`sealing.key`, 0600, 32 bytes in hex), or of the file that the
 * operator named. Only the former is ever made, and only while nothing is sealed yet, so that a lost key is an error
 * and never a silent new beginning.
 * @throws OperatorError naming the file, when the key is missing or wrong
 */
export async function openSecretBox(
  db: Database,
  location: KeyLocation,
  random: RandomBytes,
): Promise<RotatableSecretBox> {
  const { dataDir, keyFile } = location
  const file = sealingKeyFile(location)
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
        // The key may have been replaced after, or just before, this was read.
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
      throw new ApiError('storeUnavailable', { text: 'The sealing key was just replaced: try again' })
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
      // Another process may do the same at this moment: one check counts, and the key is held against that.
      await db.write(() => keyCheck.insertIfMissing(encrypted, loadedKey.hash))
    }
    await secretBox.decrypt(keyCheck.get()?.encrypted ?? new Uint8Array(), KEY_CHECK_CONTEXT).catch(cause => {
      throw new OperatorError(
        `The key in ${file} is not the one that the secrets in ${dataDir} were sealed with: put the right one back`,
        { cause },
      )
    })
    return loadedKey
  }

  /** A rotation that could not put its key into place has left it beside. */
  function currentKeyFile(): string {
    const next = nextKeyFile(file)
    return bytesEqual(keyCheck.get()?.hash, hashKeyFile(next)) ? next : file
  }

  /** @returns whether it was */
  async function reloadIfReplaced(): Promise<boolean> {
    if (bytesEqual(keyCheck.get()?.hash, current.hash)) return false
    await finishRotation(db, file)
    previous = current
    current = await load()
    return true
  }
}

/** What a wrong key is found out by. */
export function encryptKeyCheck(secretBox: SecretBox): Promise<Uint8Array> {
  return secretBox.encrypt(new TextEncoder().encode(KEY_CHECK_CONTEXT), KEY_CHECK_CONTEXT)
}

/** The text by which a wrong key is found out, and the hash of the right one. */
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

/** Puts the key of a rotation that was committed into its place, and one that was not away. */
export async function finishRotation(db: Database, file: string): Promise<void> {
  const next = nextKeyFile(file)
  if (!existsSync(next)) return
  // In a transaction, since another process may be rotating at this moment.
  await db.write(() => {
    const hash = createKeyCheck(db).get()?.hash
    if (!existsSync(next) || !hash) return
    if (bytesEqual(hash, hashKeyFile(next))) tryReplace(next, file)
    else if (bytesEqual(hash, hashKeyFile(file))) rmSync(next)
    fsyncDirectory(dirname(file))
  })
}

/** Where it is not, the key is read from where it lies. */
function tryReplace(next: string, file: string): void {
  try {
    renameSync(next, file)
  } catch {
    // A file that is mounted by itself cannot be replaced. A rotation refuses to begin there.
  }
}

/** A file that a power cut left half written holds no key. */
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

/** Of values that are there. */
export function bytesEqual(left: Uint8Array | null | undefined, right: Uint8Array | null | undefined): boolean {
  return left != null && right != null && Buffer.from(left).equals(right)
}
