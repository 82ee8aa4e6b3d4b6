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
 * Encrypts every secret with a new key, while other processes may read and write.
 * @param secretBox with the current key
 * @param file the current key file
 * @param record runs in the same transaction
 * @returns the number of re-encrypted secrets
 * @throws OperatorError when the key file cannot be written, or secrets keep changing during the rotation
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
      // Durable before the commit, so that the key of the committed state is always in one of the two files.
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
  throw new OperatorError('Secrets changed during every attempt: run it again at a quieter time')
}

/** A file that is a mount point, as container engines create for secrets, cannot be replaced. */
function rejectMountPoint(file: string): void {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map(line => line.split(' ')[4]?.replaceAll('\\040', ' '))
  if (!mounts.includes(file)) return
  throw new OperatorError(`${file} is a mount point and cannot be replaced: mount its directory instead`)
}

/** If an earlier rotation could not replace the key file, its `.new` file is the only copy of the key. */
function rejectPendingKey(file: string, hash: Uint8Array | null | undefined): void {
  const next = nextKeyFile(file)
  if (bytesEqual(hash, hashKeyFile(next))) {
    throw new OperatorError(`The key in ${next} could not replace ${file}: move it there by hand, then run this again`)
  }
}

function writeNextKey(file: string, key: Key): void {
  try {
    writeKeyFile(nextKeyFile(file), key)
    fsyncDirectory(dirname(file))
  } catch (cause) {
    const reason = errorMessage(cause)
    throw new OperatorError(
      `The new key cannot be written to the directory of ${file} (${reason}): give this user write access. Nothing was changed`,
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

/** All encrypted values with their contexts. */
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
