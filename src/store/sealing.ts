import type { Key, RandomBytes } from './key-file.ts'

/** AES-256-GCM over small values. What is sealed for one context (a user's id) does not open for another. */
export interface Sealer {
  seal(plain: Uint8Array<ArrayBuffer>, context: string): Promise<Uint8Array>
  /** @throws when it was sealed with another key, for another context, or was changed */
  open(sealed: Uint8Array, context: string): Promise<Uint8Array<ArrayBuffer>>
}

// NIST SP 800-38D section 8.2.2: a 96-bit random nonce for each value.
const NONCE_BYTES = 12

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
