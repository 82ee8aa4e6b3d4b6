import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { OperatorError } from '../errors.ts'
import { Secret } from '../secret.ts'
import type { Database } from './database.ts'

export type RandomBytes = (size: number) => Uint8Array<ArrayBuffer>

/** AES-256-GCM over small values. What is sealed for one context (a user's id) does not open for another. */
export interface Sealer {
  seal(plain: Uint8Array<ArrayBuffer>, context: string): Promise<Uint8Array>
  /** @throws when it was sealed with another key, for another context, or was changed */
  open(sealed: Uint8Array, context: string): Promise<Uint8Array<ArrayBuffer>>
}

const KEY_BYTES = 32
// NIST SP 800-38D section 8.2.2: a 96-bit random nonce for each value.
const NONCE_BYTES = 12
const CHECK_CONTEXT = 'sealing-check'

/**
 * The sealer with the key of this data directory (`sealing.key`, 0600, 32 bytes in hex), or of the file that the
 * operator named. Only the former is ever made, and only while nothing is sealed yet, so that a lost key is an error
 * and never a silent new beginning.
 * @throws OperatorError naming the file, when the key is missing or wrong
 */
export async function openSealer(
  db: Database,
  place: { dataDir: string; keyFile?: string },
  random: RandomBytes,
): Promise<Sealer> {
  const { dataDir, keyFile } = place
  const file = keyFile ?? join(dataDir, 'sealing.key')
  const check = db.sql.query<{ sealed: Uint8Array }, []>('SELECT sealed FROM sealing_check')
  if (keyFile === undefined) {
    if (!check.get()) createKeyOnce(file, random)
    else if (existsSync(file)) chmodSync(file, 0o600)
  }
  const sealer = await createSealer(readKey(file), random)
  if (!check.get()) {
    const mine = await sealer.seal(new TextEncoder().encode(CHECK_CONTEXT), CHECK_CONTEXT)
    // Another process may do the same at this moment: one check counts, and the key is held against that.
    await db.write(() => db.sql.query('INSERT OR IGNORE INTO sealing_check (one, sealed) VALUES (1, ?)').run(mine))
  }
  await sealer.open(check.get()?.sealed ?? new Uint8Array(), CHECK_CONTEXT).catch(cause => {
    throw new OperatorError(
      `The key in ${file} is not the one that the secrets in ${dataDir} were sealed with: put the right one back`,
      { cause },
    )
  })
  return sealer
}

/** @param key 32 bytes */
export async function createSealer(key: Secret<Uint8Array<ArrayBuffer>>, random: RandomBytes): Promise<Sealer> {
  const cryptoKey = await crypto.subtle.importKey('raw', key.reveal(), 'AES-GCM', false, ['encrypt', 'decrypt'])
  const bound = (iv: Uint8Array<ArrayBuffer>, context: string) => ({
    name: 'AES-GCM',
    iv,
    additionalData: new TextEncoder().encode(context),
  })
  return {
    async seal(plain, context) {
      const nonce = random(NONCE_BYTES)
      const encrypted = await crypto.subtle.encrypt(bound(nonce, context), cryptoKey, plain)
      return Buffer.concat([nonce, new Uint8Array(encrypted)])
    },
    async open(sealed, context) {
      const bytes = new Uint8Array(sealed)
      const nonce = bytes.slice(0, NONCE_BYTES)
      return new Uint8Array(await crypto.subtle.decrypt(bound(nonce, context), cryptoKey, bytes.slice(NONCE_BYTES)))
    },
  }
}

function createKeyOnce(file: string, random: RandomBytes): void {
  // Written aside and then linked: `link` fails where the file exists (as O_EXCL does), and nobody ever reads half a key.
  const draft = `${file}.${process.pid}`
  rmSync(draft, { force: true })
  // On the disk before anything is sealed with it: a power cut must not leave secrets without their key.
  writeFileSync(draft, `${random(KEY_BYTES).toHex()}\n`, { mode: 0o600, flag: 'wx', flush: true })
  chmodSync(draft, 0o600)
  try {
    linkSync(draft, file)
  } catch (error) {
    if (!isExisting(error)) throw error
  } finally {
    rmSync(draft)
  }
  syncDirectory(dirname(file))
}

function syncDirectory(path: string): void {
  const directory = openSync(path, 'r')
  fsyncSync(directory)
  closeSync(directory)
}

function readKey(file: string): Secret<Uint8Array<ArrayBuffer>> {
  let text: string
  try {
    text = readFileSync(file, 'utf8').trim()
  } catch (cause) {
    throw new OperatorError(
      `The key file ${file} is missing or cannot be read: put it back, nothing opens without it`,
      {
        cause,
      },
    )
  }
  if (!/^[0-9a-f]{64}$/.test(text)) {
    throw new OperatorError(`The key file ${file} does not hold a key (64 hex digits): put the right one back`)
  }
  return new Secret(Uint8Array.fromHex(text))
}

function isExisting(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EEXIST'
}
