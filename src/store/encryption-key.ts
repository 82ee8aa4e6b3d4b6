import { createHash } from 'node:crypto'
import { existsSync, realpathSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Database } from './database.ts'
import type { SecretBox } from './encryption.ts'
import { ENCRYPTION_KEY_FILE, NEXT_KEY_SUFFIX } from './files.ts'
import { fsyncDirectory, type Key, readKeyFile } from './key-file.ts'

/** Location of the encryption key. */
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

/** Encrypted in every database, so it cannot be renamed. */
export const KEY_CHECK_CONTEXT = 'sealing-check'

/** Whether the encryption key is in use and must not be lost. */
export function hasEncryptedSecrets(db: Database): boolean {
  return createKeyCheck(db).get() !== undefined
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
