import { ApiError } from '../errors.ts'
import type { Secret } from '../secret.ts'
import type { Database } from '../store/database.ts'
import type { RandomBytes, Sealer } from '../store/sealing.ts'
import type { Bearer, SessionStore, TokenPair } from '../store/sessions.ts'
import type { Account, User, UserStore } from '../store/users.ts'
import { createToken, hashToken, isTokenShaped } from './tokens.ts'
import { matchingStep, TOTP_SECRET_BYTES } from './totp.ts'

export const ACCESS_SECONDS = 7_200
const REFRESH_IDLE_MS = 7 * 86_400_000
const SESSION_MS = 30 * 86_400_000
const SESSIONS_PER_USER = 10
/** How long an expired token is still told apart from one that never was. */
const EXPIRED_KEPT_MS = 86_400_000

export interface Tokens {
  /** Seconds until the access token expires. */
  expiresIn: number
  access: Secret
  refresh: Secret
}

export type AuthService = Awaited<ReturnType<typeof createAuthService>>

/** Who is it that calls: codes into sessions, sessions into users. */
export async function createAuthService(deps: {
  db: Database
  users: UserStore
  sessions: SessionStore
  sealer: Sealer
  now: () => number
  random: RandomBytes
}) {
  const { db, users, sessions, sealer, now, random } = deps
  const decoy = await createDecoy(sealer, random)

  return {
    /**
     * Opens a session for a user that shows a fresh code.
     * @param code six digits
     * @throws ApiError 902 for everything that does not fit, with the same work done
     */
    async login(username: string, code: string): Promise<Tokens> {
      const account = findExactly(users, username)
      const secret = await sealer.open((account ?? decoy).sealedSecret, (account ?? decoy).id)
      const step = matchingStep(secret, code, now())
      if (!account || step === undefined) throw new ApiError('codeRefused')
      const fresh = createPair()
      const accepted = await db.write(() => {
        if (!users.takeStep(account, step)) return false
        sessions.removeExpiredBefore(fresh.issuedAt - EXPIRED_KEPT_MS)
        const session = { id: crypto.randomUUID(), userId: account.id, createdAt: fresh.issuedAt }
        sessions.insert(session, storedPair(fresh, session.createdAt))
        sessions.keepNewest(account.id, SESSIONS_PER_USER)
        return true
      })
      if (!accepted) throw new ApiError('codeRefused')
      return fresh.tokens
    },

    /**
     * Exchanges a refresh token for a new pair. One that was exchanged before ends its session: a copy of it is in
     * other hands, and nobody can tell whose are the right ones (RFC 9700 section 4.14.2).
     * @throws ApiError 910
     */
    async refresh(refreshToken: string): Promise<Tokens> {
      if (!isTokenShaped(refreshToken)) throw new ApiError('refreshTokenUnknown')
      const hash = hashToken(refreshToken)
      const fresh = createPair()
      const accepted = await db.write(() => {
        const bearer = sessions.findByRefresh(hash)
        if (!bearer) {
          const stolen = sessions.findRotated(hash)
          if (stolen) sessions.remove(stolen)
          return false
        }
        if (bearer.refreshExpiresAt <= fresh.issuedAt) return false
        sessions.rotate(bearer.session.id, hash, storedPair(fresh, bearer.session.createdAt))
        return true
      })
      if (!accepted) throw new ApiError('refreshTokenUnknown')
      return fresh.tokens
    },

    /** @throws ApiError 908 for an unknown access token, 909 for an expired one */
    authenticate(accessToken: string | undefined): User {
      const bearer = accessToken && isTokenShaped(accessToken) && sessions.findByAccess(hashToken(accessToken))
      if (!bearer) throw new ApiError('accessTokenUnknown')
      return userOfAccess(bearer)
    },

    /**
     * Revoking takes a live refresh token as well, so that a client can log out whatever it still holds.
     * @throws ApiError 908 and 909 as `authenticate`, 910 for a refresh token that is expired or was exchanged
     */
    authenticateToRevoke(token: string | undefined): User {
      if (!token || !isTokenShaped(token)) throw new ApiError('accessTokenUnknown')
      const hash = hashToken(token)
      const byAccess = sessions.findByAccess(hash)
      if (byAccess) return userOfAccess(byAccess)
      const byRefresh = sessions.findByRefresh(hash)
      if (byRefresh && byRefresh.refreshExpiresAt > now()) return byRefresh.user
      throw new ApiError(byRefresh || sessions.findRotated(hash) ? 'refreshTokenUnknown' : 'accessTokenUnknown')
    },

    /**
     * Ends all sessions of a user.
     * @throws ApiError 904 when somebody else than the owner revokes for another, told before the user is looked up; 903
     */
    async revoke(caller: User, username: string): Promise<void> {
      if (caller.username !== username && caller.group !== 'owner') throw new ApiError('revokeForbidden')
      const account = findExactly(users, username)
      if (!account) throw new ApiError('userNotFound')
      await db.write(() => sessions.removeAllOf(account.id))
    },
  }

  function userOfAccess(bearer: Bearer): User {
    if (bearer.accessExpiresAt <= now()) throw new ApiError('accessTokenExpired')
    return bearer.user
  }

  function createPair() {
    const tokens = { expiresIn: ACCESS_SECONDS, access: createToken(random), refresh: createToken(random) }
    return { issuedAt: now(), tokens }
  }
}

function storedPair(fresh: { issuedAt: number; tokens: Tokens }, sessionCreatedAt: number): TokenPair {
  const sessionEnds = sessionCreatedAt + SESSION_MS
  return {
    accessHash: hashToken(fresh.tokens.access.reveal()),
    accessExpiresAt: Math.min(fresh.issuedAt + ACCESS_SECONDS * 1000, sessionEnds),
    refreshHash: hashToken(fresh.tokens.refresh.reveal()),
    refreshExpiresAt: Math.min(fresh.issuedAt + REFRESH_IDLE_MS, sessionEnds),
  }
}

/** Usernames are unique ignoring case, and exact where somebody acts under them. */
function findExactly(users: UserStore, username: string): Account | undefined {
  const account = users.find(username)
  return account?.username === username ? account : undefined
}

/** Stands in for a user that does not exist, so that its login costs what every wrong code costs. */
async function createDecoy(sealer: Sealer, random: RandomBytes): Promise<Pick<Account, 'id' | 'sealedSecret'>> {
  const id = crypto.randomUUID()
  return { id, sealedSecret: await sealer.seal(random(TOTP_SECRET_BYTES), id) }
}
