import { createHash } from 'node:crypto'
import { chmodSync, existsSync, realpathSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ApiError, OperatorError } from '../errors.ts'
import type { Database } from './database.ts'
import { createKeyOnce, type Key, type RandomBytes, readKey, syncDirectory } from './key-file.ts'
import { createSealer, type Sealer } from './sealing.ts'

/** The sealer of a data directory, whose key may be replaced by another process at any time. */
export interface KeptSealer extends Sealer {
  /** Whether this was sealed, by this process, with the key that is the present one. */
  isCurrent(sealed: Uint8Array): boolean
  /**
   * To be asked inside the transaction that stores what was sealed.
   * @throws ApiError 922 when the key was replaced in between
   */
  requireCurrent(sealed: Uint8Array): void
}

/** Where the sealing key is. */
export interface KeyPlace {
  dataDir: string
  /** Where the operator keeps it elsewhere. */
  keyFile?: string
}

/** The file itself, where a link leads to it. */
export function sealingKeyFile({ dataDir, keyFile }: KeyPlace): string {
  const file = keyFile ?? join(dataDir, 'sealing.key')
  return existsSync(file) ? realpathSync(file) : file
}

export const CHECK_CONTEXT = 'sealing-check'

/** Whether there is a sealing key that must not be lost. */
export function isAnythingSealed(db: Database): boolean {
  return createCheck(db).get() !== undefined
}

/** A key in use. */
interface Loaded {
  sealer: Sealer
  hash: Uint8Array
}

/**
 * The sealer with the key of this data directory (`sealing.key`, 0600, 32 bytes in hex), or of the file that the
 * operator named. Only the former is ever made, and only while nothing is sealed yet, so that a lost key is an error
 * and never a silent new beginning.
 * @throws OperatorError naming the file, when the key is missing or wrong
 */
export async function openSealer(db: Database, place: KeyPlace, random: RandomBytes): Promise<KeptSealer> {
  const { dataDir, keyFile } = place
  const file = sealingKeyFile(place)
  const check = createCheck(db)
  if (keyFile === undefined) {
    if (!check.get()) createKeyOnce(file, random)
    else if (existsSync(file)) chmodSync(file, 0o600)
  }
  await finishRotation(db, file)
  let loaded = await load()
  let replaced: Loaded | undefined
  const sealedWith = new WeakMap<Uint8Array, Loaded>()

  return {
    async seal(plain, context) {
      await reloadIfReplaced()
      const present = loaded
      const sealed = await present.sealer.seal(plain, context)
      sealedWith.set(sealed, present)
      return sealed
    },

    async open(sealed, context) {
      try {
        return await loaded.sealer.open(sealed, context)
      } catch (error) {
        // The key may have been replaced after, or just before, this was read.
        const candidates = (await reloadIfReplaced()) ? [loaded, replaced] : [replaced]
        for (const candidate of candidates) {
          const opened = await candidate?.sealer.open(sealed, context).catch(() => undefined)
          if (opened) return opened
        }
        throw error
      }
    },

    isCurrent,

    requireCurrent(sealed) {
      if (isCurrent(sealed)) return
      throw new ApiError('storeUnavailable', { text: 'The sealing key was just replaced: try again' })
    },
  }

  function isCurrent(sealed: Uint8Array): boolean {
    return equal(check.get()?.hash, sealedWith.get(sealed)?.hash)
  }

  async function load(): Promise<Loaded> {
    const key = readKey(fileOfPresentKey())
    const sealer = createSealer(key, random)
    const mine = { sealer, hash: hashOf(key) }
    if (!check.get()) {
      const sealed = await sealCheck(sealer)
      // Another process may do the same at this moment: one check counts, and the key is held against that.
      await db.write(() => check.putOnce(sealed, mine.hash))
    }
    const present = check.get()
    await sealer.open(present?.sealed ?? new Uint8Array(), CHECK_CONTEXT).catch(cause => {
      throw new OperatorError(
        `The key in ${file} is not the one that the secrets in ${dataDir} were sealed with: put the right one back`,
        { cause },
      )
    })
    // Of a database that was made before there were rotations.
    if (!present?.hash) await db.write(() => check.putHash(mine.hash))
    return mine
  }

  /** A rotation that could not put its key into place has left it beside. */
  function fileOfPresentKey(): string {
    const next = nextKeyFile(file)
    return equal(check.get()?.hash, hashOfFile(next)) ? next : file
  }

  /** @returns whether it was */
  async function reloadIfReplaced(): Promise<boolean> {
    if (equal(check.get()?.hash, loaded.hash)) return false
    await finishRotation(db, file)
    replaced = loaded
    loaded = await load()
    return true
  }
}

/** What a wrong key is found out by. */
export function sealCheck(sealer: Sealer): Promise<Uint8Array> {
  return sealer.seal(new TextEncoder().encode(CHECK_CONTEXT), CHECK_CONTEXT)
}

/** The text by which a wrong key is found out, and the hash of the right one. */
export function createCheck({ sql }: Pick<Database, 'sql'>) {
  const get = sql.query<{ sealed: Uint8Array; hash: Uint8Array | null }, []>(
    'SELECT sealed, key_hash AS hash FROM sealing_check',
  )
  const put = sql.query<null, [Uint8Array, Uint8Array]>(
    'INSERT OR IGNORE INTO sealing_check (one, sealed, key_hash) VALUES (1, ?, ?)',
  )
  const putHash = sql.query<null, [Uint8Array]>('UPDATE sealing_check SET key_hash = ? WHERE key_hash IS NULL')
  return {
    get: () => get.get() ?? undefined,
    putOnce: (sealed: Uint8Array, hash: Uint8Array): void => void put.run(sealed, hash),
    putHash: (hash: Uint8Array): void => void putHash.run(hash),
  }
}

/** Puts the key of a rotation that was committed into its place, and one that was not away. */
export async function finishRotation(db: Database, file: string): Promise<void> {
  const next = nextKeyFile(file)
  if (!existsSync(next)) return
  // In a transaction, since another process may be rotating at this moment.
  await db.write(() => {
    const hash = createCheck(db).get()?.hash
    if (!existsSync(next) || !hash) return
    if (equal(hash, hashOfFile(next))) replaceIfPossible(next, file)
    else if (equal(hash, hashOfFile(file))) rmSync(next)
    syncDirectory(dirname(file))
  })
}

/** Where it is not, the key is read from where it lies. */
function replaceIfPossible(next: string, file: string): void {
  try {
    renameSync(next, file)
  } catch {
    // A file that is mounted by itself cannot be replaced. A rotation refuses to begin there.
  }
}

/** A file that a power cut left half written holds no key. */
export function hashOfFile(file: string): Uint8Array | undefined {
  try {
    return hashOf(readKey(file))
  } catch {
    return undefined
  }
}

export function nextKeyFile(file: string): string {
  return `${file}.new`
}

export function hashOf(key: Key): Uint8Array {
  return createHash('sha256').update(key.reveal()).digest()
}

/** Of values that are there. */
export function equal(left: Uint8Array | null | undefined, right: Uint8Array | null | undefined): boolean {
  return left != null && right != null && Buffer.from(left).equals(right)
}
