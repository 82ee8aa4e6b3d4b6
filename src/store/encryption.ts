import { createCipheriv, createDecipheriv } from 'node:crypto'
import type { RandomBytes } from '../core/random.ts'
import type { Key } from './key-file.ts'

/** AES-256-GCM for small values, bound to a context such as a user's id. */
export interface SecretBox {
  encrypt(plaintext: Uint8Array<ArrayBuffer>, context: string): Promise<Uint8Array>
  /** @throws for another key, another context, or a changed value */
  decrypt(encrypted: Uint8Array, context: string): Promise<Uint8Array<ArrayBuffer>>
}

// NIST SP 800-38D section 8.2.2: a 96-bit random nonce for each value.
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** @param key 32 bytes */
export function createSecretBox(key: Key, random: RandomBytes): SecretBox {
  const options = { authTagLength: TAG_BYTES }
  // Synchronous: for a few bytes, `crypto.subtle` with its own thread takes fifty times as long.
  return {
    async encrypt(plaintext, context) {
      const nonce = random(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', key.reveal(), nonce, options).setAAD(Buffer.from(context))
      return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
    },
    async decrypt(encrypted, context) {
      const bytes = Buffer.from(encrypted)
      const nonce = bytes.subarray(0, NONCE_BYTES)
      const tagOffset = Math.max(NONCE_BYTES, bytes.length - TAG_BYTES)
      const decipher = createDecipheriv('aes-256-gcm', key.reveal(), nonce, options).setAAD(Buffer.from(context))
      decipher.setAuthTag(bytes.subarray(tagOffset))
      return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, tagOffset)), decipher.final()])
    },
  }
}
