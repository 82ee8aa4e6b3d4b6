import { createHash } from 'node:crypto'
import type { RandomBytes } from '../core/random.ts'
import { Secret } from '../core/secret.ts'
import type { Session, TokenPair } from '../store/sessions.ts'

export const ACCESS_TOKEN_SECONDS = 7_200
const REFRESH_TOKEN_IDLE_MS = 7 * 86_400_000
const MAX_SESSION_MS = 30 * 86_400_000
const TOKEN_BYTES = 32

export interface Tokens {
  /** Seconds until the access token expires. */
  expiresIn: number
  access: Secret
  refresh: Secret
}

/** A new bearer token: 32 random bytes as 64 hex digits. */
export function createToken(random: RandomBytes): Secret {
  return new Secret(random(TOKEN_BYTES).toHex())
}

/** The stored form of a token: its SHA-256. Tokens are 256 random bits, so a slow hash would add nothing. */
export function hashToken(token: string): Uint8Array {
  return createHash('sha256').update(token).digest()
}

export function hasTokenFormat(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text)
}

/**
 * Issues a new pair of tokens, with the hashes to store. Neither token outlives the session.
 * @param now milliseconds since 1970
 */
export function issueTokens(
  session: Pick<Session, 'createdAt'>,
  now: number,
  random: RandomBytes,
): { tokens: Tokens; stored: TokenPair } {
  const sessionEndsAt = session.createdAt + MAX_SESSION_MS
  const accessExpiresAt = Math.min(now + ACCESS_TOKEN_SECONDS * 1000, sessionEndsAt)
  const access = createToken(random)
  const refresh = createToken(random)
  return {
    tokens: { expiresIn: Math.floor((accessExpiresAt - now) / 1000), access, refresh },
    stored: {
      accessHash: hashToken(access.reveal()),
      accessExpiresAt,
      refreshHash: hashToken(refresh.reveal()),
      refreshExpiresAt: Math.min(now + REFRESH_TOKEN_IDLE_MS, sessionEndsAt),
    },
  }
}
