import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { errorMessage } from '../core/error-message.ts'
import { OperatorError } from '../core/errors.ts'
import type { RandomBytes } from '../core/random.ts'
import { Secret } from '../core/secret.ts'
import type { Database } from './database.ts'
import { createSecretBox, type SecretBox } from './encryption.ts'
import {
  bytesEqual,
  createKeyCheck,
  encryptKeyCheck,
  finishRotation,
  hashKey,
  hashKeyFile,
  nextKeyFile,
} from './encryption-key.ts'
import { fsyncDirectory, KEY_BYTES, type Key, writeKeyFile } from './key-file.ts'

const MAX_ATTEMPTS = 5

/**
 * Seals every secret anew, with a new key, while others may be reading and writing.
 * @param secretBox of the present key
 * @param file that the present key is in
 * @param record is called in the same transaction
 * @returns how many secrets there were
 * @throws OperatorError when the key file cannot be written, or users change faster than they can be sealed
 */
export async function rotateKey(
  db: Database,
  secretBox: SecretBox,
  file: string,
  random: RandomBytes,
  record: () => void,
): Promise<number> {
  const keyCheck = createKeyCheck(db)
  rejectMountPoint(file)
  await finishRotation(db, file)
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const key: Key = new Secret(random(KEY_BYTES))
    const nextSecretBox = createSecretBox(key, random)
    const oldHash = keyCheck.get()?.hash
    const secrets = readSecrets(db)
    const encrypted = await Promise.all(
      secrets.map(
        async ({ secret, userId }) => await nextSecretBox.encrypt(await secretBox.decrypt(secret, userId), userId),
      ),
    )
    const nextKeyCheck = await encryptKeyCheck(nextSecretBox)
    const isCommitted = await db.write(() => {
      const unchanged = bytesEqual(keyCheck.get()?.hash, oldHash) && haveSameSecrets(readSecrets(db), secrets)
      if (!unchanged) return false
      rejectPendingKey(file, oldHash)
      // On the disk before the transaction is: whatever is committed has its key in one of two files.
      writeNextKey(file, key)
      for (const [index, { table, userId }] of secrets.entries()) {
        db.sql
          .query(`UPDATE ${table} SET secret = ? WHERE ${idColumns[table]} = ?`)
          .run(encrypted[index] ?? null, userId)
      }
      db.sql.query('UPDATE encryption_key_check SET encrypted = ?, key_hash = ?').run(nextKeyCheck, hashKey(key))
      record()
      return true
    })
    if (isCommitted) {
      await finishRotation(db, file)
      return secrets.length
    }
  }
  throw new OperatorError('Users were changed all the while: run it again at a quieter moment')
}

/** A file that is mounted by itself (as container engines do with secrets) cannot be replaced by another one. */
function rejectMountPoint(file: string): void {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map(line => line.split(' ')[4]?.replaceAll('\\040', ' '))
  if (!mounts.includes(file)) return
  throw new OperatorError(`${file} is mounted by itself and cannot be replaced: mount the directory that it lies in`)
}

/** The key of an earlier rotation that could not be put into its place is the only one there is. */
function rejectPendingKey(file: string, hash: Uint8Array | null | undefined): void {
  const next = nextKeyFile(file)
  if (bytesEqual(hash, hashKeyFile(next))) {
    throw new OperatorError(`The key in ${next} could not be put into the place of ${file}: do that first, by hand`)
  }
}

function writeNextKey(file: string, key: Key): void {
  try {
    writeKeyFile(nextKeyFile(file), key)
    fsyncDirectory(dirname(file))
  } catch (cause) {
    const reason = errorMessage(cause)
    throw new OperatorError(
      `The new key cannot be written beside ${file} (${reason}): let this user write there, nothing was changed`,
      { cause },
    )
  }
}

const idColumns = { users: 'id', enrolments: 'user_id' } as const

interface StoredSecret {
  table: keyof typeof idColumns
  userId: string
  secret: Uint8Array
}

/** All that is sealed, and what it is sealed for. */
function readSecrets({ sql }: Database): StoredSecret[] {
  return (Object.keys(idColumns) as StoredSecret['table'][]).flatMap(table => {
    const column = idColumns[table]
    const rows = sql.query<Omit<StoredSecret, 'table'>, []>(
      `SELECT ${column} AS userId, secret FROM ${table} WHERE secret IS NOT NULL ORDER BY ${column}`,
    )
    return rows.all().map(row => ({ table, ...row }))
  })
}

function haveSameSecrets(left: StoredSecret[], right: StoredSecret[]): boolean {
  return (
    left.length === right.length &&
    left.every(
      ({ userId, secret }, index) => userId === right[index]?.userId && bytesEqual(secret, right[index]?.secret),
    )
  )
}
