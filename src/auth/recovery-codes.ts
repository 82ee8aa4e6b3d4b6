import { createHash } from 'node:crypto'
import type { RandomBytes } from '../core/random.ts'
import { Secret } from '../core/secret.ts'

const CODE_COUNT = 10
const CODE_BYTES = 10
/** Base32 (RFC 4648 section 6) in lower case. */
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'

/** Ten codes of 80 random bits each, like `abcd-efgh-ijkl-mnop`. The alphabet has no 0 or 1 to confuse with O and I. */
export function createRecoveryCodes(random: RandomBytes): Secret[] {
  return Array.from({ length: CODE_COUNT }, () => {
    const bits = [...random(CODE_BYTES)].map(byte => byte.toString(2).padStart(8, '0')).join('')
    const letters = (bits.match(/.{5}/g) ?? []).map(quintet => ALPHABET[Number.parseInt(quintet, 2)])
    return new Secret((letters.join('').match(/.{4}/g) ?? []).join('-'))
  })
}

/**
 * The stored form of a recovery code: its SHA-256, bound to the user. Codes are 80 random bits and attempts are
 * throttled, so a slow hash would add nothing. Ignores case, spaces and hyphens.
 */
export function hashRecoveryCode(userId: string, code: string): Uint8Array {
  const normalized = code.toLowerCase().replace(/[\s-]/g, '')
  return createHash('sha256').update(`${userId} ${normalized}`).digest()
}
