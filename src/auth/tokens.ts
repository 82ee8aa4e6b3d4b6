import { createHash } from 'node:crypto'
import { Secret } from '../secret.ts'
import type { RandomBytes } from '../store/key-file.ts'

const TOKEN_BYTES = 32

/** A new bearer token: 32 random bytes as 64 hex digits. */
export function createToken(random: RandomBytes): Secret {
  return new Secret(random(TOKEN_BYTES).toHex())
}

/** What is kept of a token: its SHA-256. A token has 256 bits of chance already, so a slow hash would add nothing. */
export function hashToken(token: string): Uint8Array {
  return createHash('sha256').update(token).digest()
}

export function isTokenShaped(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text)
}
