import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { OperatorError } from '../errors.ts'
import { Secret } from '../secret.ts'
import type { Database } from './database.ts'
import { KEY_BYTES, type Key, type RandomBytes, syncDirectory, writeKey } from './key-file.ts'
import { createSealer, type Sealer } from './sealing.ts'
import { createCheck, equal, finishRotation, hashOf, hashOfFile, nextKeyFile, sealCheck } from './sealing-key.ts'

const ATTEMPTS = 5

/**
 * Seals every secret anew, with a new key, while others may be reading and writing.
 * @param sealer of the present key
 * @param file that the present key is in
 * @param record is called in the same transaction
 * @returns how many secrets there were
 * @throws OperatorError when the key file cannot be written, or users change faster than they can be sealed
 */
export async function rotateKey(
  db: Database,
  sealer: Sealer,
  file: string,
  random: RandomBytes,
  record: () => void,
): Promise<number> {
  const before = createCheck(db)
  refuseMountPoint(file)
  await finishRotation(db, file)
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const key: Key = new Secret(random(KEY_BYTES))
    const next = createSealer(key, random)
    const oldHash = before.get()?.hash
    const secrets = readSecrets(db)
    const sealed = await Promise.all(
      secrets.map(async ({ secret, userId }) => await next.seal(await sealer.open(secret, userId), userId)),
    )
    const check = await sealCheck(next)
    const done = await db.write(() => {
      const unchanged = equal(before.get()?.hash, oldHash) && sameSecrets(readSecrets(db), secrets)
      if (!unchanged) return false
      refuseKeyInWaiting(file, oldHash)
      // On the disk before the transaction is: whatever is committed has its key in one of two files.
      writeNextKey(file, key)
      for (const [at, { table, userId }] of secrets.entries()) {
        db.sql.query(`UPDATE ${table} SET secret = ? WHERE ${idColumns[table]} = ?`).run(sealed[at] ?? null, userId)
      }
      db.sql.query('UPDATE sealing_check SET sealed = ?, key_hash = ?').run(check, hashOf(key))
      record()
      return true
    })
    if (done) {
      await finishRotation(db, file)
      return secrets.length
    }
  }
  throw new OperatorError('Users were changed all the while: run it again at a quieter moment')
}

/** A file that is mounted by itself (as container engines do with secrets) cannot be replaced by another one. */
function refuseMountPoint(file: string): void {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map(line => line.split(' ')[4]?.replaceAll('\\040', ' '))
  if (!mounts.includes(file)) return
  throw new OperatorError(`${file} is mounted by itself and cannot be replaced: mount the directory that it lies in`)
}

/** The key of an earlier rotation that could not be put into its place is the only one there is. */
function refuseKeyInWaiting(file: string, hash: Uint8Array | null | undefined): void {
  const next = nextKeyFile(file)
  if (equal(hash, hashOfFile(next))) {
    throw new OperatorError(`The key in ${next} could not be put into the place of ${file}: do that first, by hand`)
  }
}

function writeNextKey(file: string, key: Key): void {
  try {
    writeKey(nextKeyFile(file), key)
    syncDirectory(dirname(file))
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
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

function sameSecrets(left: StoredSecret[], right: StoredSecret[]): boolean {
  return (
    left.length === right.length &&
    left.every(({ userId, secret }, at) => userId === right[at]?.userId && equal(secret, right[at]?.secret))
  )
}
