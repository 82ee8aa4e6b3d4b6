import { chmodSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { OperatorError } from '../errors.ts'
import type { Database } from './database.ts'
import { createKeyOnce, type Key, type RandomBytes, readKey } from './key-file.ts'

/** AES-256-GCM over small values. What is sealed for one context (a user's id) does not open for another. */
export interface Sealer {
  seal(plain: Uint8Array<ArrayBuffer>, context: string): Promise<Uint8Array>
  /** @throws when it was sealed with another key, for another context, or was changed */
  open(sealed: Uint8Array, context: string): Promise<Uint8Array<ArrayBuffer>>
}

/** Where the sealing key is. */
export interface KeyPlace {
  dataDir: string
  /** Where the operator keeps it elsewhere. */
  keyFile?: string
}

export function sealingKeyFile({ dataDir, keyFile }: KeyPlace): string {
  return keyFile ?? join(dataDir, 'sealing.key')
}

// NIST SP 800-38D section 8.2.2: a 96-bit random nonce for each value.
const NONCE_BYTES = 12
const CHECK_CONTEXT = 'sealing-check'

/**
 * The sealer with the key of this data directory (`sealing.key`, 0600, 32 bytes in hex), or of the file that the
 * operator named. Only the former is ever made, and only while nothing is sealed yet, so that a lost key is an error
 * and never a silent new beginning.
 * @throws OperatorError naming the file, when the key is missing or wrong
 */
export async function openSealer(db: Database, place: KeyPlace, random: RandomBytes): Promise<Sealer> {
  const { dataDir, keyFile } = place
  const file = sealingKeyFile(place)
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
export async function createSealer(key: Key, random: RandomBytes): Promise<Sealer> {
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
