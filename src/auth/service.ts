import type { Act, Audit } from '../audit/service.ts'
import { ApiError, catalogue } from '../errors.ts'
import { addressGroup } from '../network.ts'
import type { Secret } from '../secret.ts'
import type { SteadyClock } from '../steady-clock.ts'
import type { Database } from '../store/database.ts'
import type { EnrolmentStore } from '../store/enrolments.ts'
import type { RandomBytes } from '../store/key-file.ts'
import { createReadCache } from '../store/read-cache.ts'
import type { KeptSealer } from '../store/sealing-key.ts'
import type { Bearer, Session, SessionStore, TokenPair } from '../store/sessions.ts'
import type { Account, User, UserStore } from '../store/users.ts'
import type { EnrolmentService } from '../users/enrolment.ts'
import type { Throttle } from './throttle.ts'
import { createToken, hashToken, isTokenShaped } from './tokens.ts'
import { matchingStep, TOTP_SECRET_BYTES } from './totp.ts'

export const ACCESS_SECONDS = 7_200
const REFRESH_IDLE_MS = 7 * 86_400_000
const SESSION_MS = 30 * 86_400_000
const SESSIONS_PER_USER = 10
/** How long an expired token is still told apart from one that never was. */
const EXPIRED_KEPT_MS = 86_400_000

/** The sealing key is replaced once in years, and not more often than this at a time. */
const LOGIN_ATTEMPTS = 3

const TOUCH_EVERY_MS = 60_000

/** What a login brings along beside its code. */
export interface Origin {
  /** What the client calls itself. */
  agent: string
  /** A token of the user's own, if one came along: it proves the caller to be no stranger. */
  token?: string | undefined
}

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
  enrolments: EnrolmentStore
  enrolment: Pick<EnrolmentService, 'pendingOf' | 'takeEffect'>
  throttle: Throttle
  audit: Audit
  sealer: KeptSealer
  /** The time that phones have, for codes. */
  now: () => number
  /** The time by which sessions end. */
  steady: SteadyClock
  random: RandomBytes
}) {
  const { db, users, sessions, enrolments, enrolment, throttle, audit, sealer, now, steady, random } = deps
  let decoy = await createDecoy(sealer, random)
  const touching = new Set<string>()
  const bearerOf = createReadCache(db, (accessToken: string) => sessions.findByAccess(hashToken(accessToken)))

  return {
    /**
     * Opens a session for a user that shows a fresh code.
     * @param code six digits
     * @throws ApiError 902 for everything that does not fit, with the same work done; 915 while locked, whatever the code
     */
    async login(act: Act, username: string, code: string, origin: Origin): Promise<Tokens> {
      for (let attempt = 0; attempt < LOGIN_ATTEMPTS; attempt++) {
        const tokens = await tryLogin(act, username, code, origin)
        if (tokens !== 'again') return tokens
      }
      throw new ApiError('storeUnavailable')
    },

    /**
     * Exchanges a refresh token for a new pair. One that was exchanged before ends its session: a copy of it is in
     * other hands, and nobody can tell whose are the right ones (RFC 9700 section 4.14.2).
     * @throws ApiError 910, or 915 while the address is locked; a token that is right is let in from there, too, since
     * 256 bits are not found by trying and a neighbour behind the same address has done nothing wrong
     */
    async refresh(act: Act, refreshToken: string): Promise<Tokens> {
      const hash = hashToken(refreshToken)
      const source = { address: addressGroup(act.address) }
      const tokens = await db.write(() => {
        const bearer = sessions.findByRefresh(hash)
        if (!bearer || bearer.refreshExpiresAt <= steady()) {
          const stolen = sessions.findRotated(hash)
          if (stolen) endStolen(act, stolen)
          else throttle.refuseLockedAddress(source)
          throttle.countAddressFailure(source)
          return undefined
        }
        const issued = issue(bearer.session)
        sessions.rotate(bearer.session.id, hash, issued.stored)
        sessions.touch(bearer.session.id, steady())
        return issued.tokens
      })
      if (!tokens) throw new ApiError('refreshTokenUnknown')
      return tokens
    },

    /** @throws ApiError 908 for an unknown access token, 909 for an expired one */
    authenticate(accessToken: string | undefined): User {
      const bearer = accessToken && isTokenShaped(accessToken) && bearerOf(accessToken)
      if (!bearer) throw new ApiError('accessTokenUnknown', { anonymous: accessToken === undefined })
      return userOfAccess(bearer)
    },

    /**
     * Revoking takes a live refresh token as well, so that a client can log out whatever it still holds.
     * @throws ApiError 908 and 909 as `authenticate`, 910 for a refresh token that is expired or was exchanged
     */
    authenticateToRevoke(token: string | undefined): User {
      if (!token || !isTokenShaped(token)) throw new ApiError('accessTokenUnknown', { anonymous: token === undefined })
      const hash = hashToken(token)
      const byAccess = sessions.findByAccess(hash)
      if (byAccess) return userOfAccess(byAccess)
      const byRefresh = sessions.findByRefresh(hash)
      if (byRefresh && byRefresh.refreshExpiresAt > steady()) return byRefresh.user
      throw new ApiError(byRefresh || sessions.findRotated(hash) ? 'refreshTokenUnknown' : 'accessTokenUnknown')
    },

    /**
     * Ends all sessions of a user, and an enrolment that has not taken effect.
     * @throws ApiError 904 when somebody else than the owner revokes for another, told before the user is looked up; 903
     */
    async revoke(act: Act, caller: User, username: string): Promise<void> {
      if (caller.username !== username && caller.group !== 'owner') throw new ApiError('revokeForbidden')
      const account = users.findExactly(username)
      if (!account) throw new ApiError('userNotFound')
      await db.write(() => {
        sessions.removeAllOf(account.id)
        // A link that somebody else may hold is a way in, too.
        enrolments.cancel(account.id)
        audit.record(act, username)
      })
    },

    /**
     * The sessions of a user that have not ended, oldest first.
     * @throws ApiError 912 when somebody else than the owner asks for another, told before the user is looked up; 903
     */
    listSessions(caller: User, username: string): Session[] {
      if (caller.username !== username && caller.group !== 'owner') throw new ApiError('groupForbidden')
      const account = users.findExactly(username)
      if (!account) throw new ApiError('userNotFound')
      return sessions.list(account.id, steady())
    },

    /**
     * Ends one session.
     * @param id `current` for that of the access token
     * @throws ApiError 925 for one that does not exist, and in the same way for one of somebody else, unless the owner asks
     */
    async endSession(act: Act, caller: User, id: string, accessToken: string | undefined): Promise<void> {
      const ended = await db.write(() => {
        const own = accessToken === undefined ? undefined : sessions.findByAccess(hashToken(accessToken))
        const session = id === 'current' ? own?.session : sessions.find(id)
        if (!session || (session.userId !== caller.id && caller.group !== 'owner')) return false
        sessions.remove(session.id)
        audit.record(act, session.id)
        return true
      })
      if (!ended) throw new ApiError('sessionNotFound')
    },
  }

  /** An exchanged refresh token that comes again: a copy is in other hands. */
  function endStolen(act: Act, sessionId: string): void {
    const user = users.list().find(({ id }) => id === sessions.find(sessionId)?.userId)
    sessions.remove(sessionId)
    audit.record({ ...act, user: user?.username ?? '' }, sessionId, 'refused', catalogue.refreshTokenUnknown.id)
  }

  function userOfAccess(bearer: Bearer): User {
    if (bearer.accessExpiresAt <= steady()) throw new ApiError('accessTokenExpired')
    touch(bearer.session)
    return bearer.user
  }

  /** Noted once a minute: a durable write for each request would cost more than the request. */
  function touch({ id, lastUsedAt }: Session): void {
    if (steady() - lastUsedAt < TOUCH_EVERY_MS || touching.has(id)) return
    touching.add(id)
    db.write(() => sessions.touch(id, steady()))
      // A store that cannot be written at the moment is no reason to refuse a reader.
      .catch(() => undefined)
      .finally(() => touching.delete(id))
  }

  /** @returns `again` when the secret was sealed anew between its being read and used: that is no failure of anybody */
  async function tryLogin(act: Act, username: string, code: string, origin: Origin): Promise<Tokens | 'again'> {
    const account = users.findExactly(username)
    if (!sealer.isCurrent(decoy.sealedSecret)) decoy = await createDecoy(sealer, random)
    // As many secrets are opened for everybody: time tells nothing of who exists, or is about to change its phone.
    const secret = await sealer.open((account ?? decoy).sealedSecret, (account ?? decoy).id)
    const pending = account && (await enrolment.pendingOf(account.id))
    if (!pending) await sealer.open(decoy.sealedSecret, decoy.id)
    const source = { address: addressGroup(act.address), sessionId: account && sessionOf(account, origin.token) }
    const outcome = await db.write(() => {
      const lane = throttle.laneOf(username, account?.id, source)
      throttle.refuseLocked(source, lane)
      const step = matchingStep(secret, code, now())
      if (account && step !== undefined && isSealedAnew(account)) return 'again'
      const taken = account && step !== undefined && users.takeStep(account, step)
      if (!account || !(taken || (pending && enrolment.takeEffect(act, account, pending, code)))) {
        throttle.countFailure(source, lane)
        return undefined
      }
      throttle.countSuccess(source, lane, account.id)
      const time = steady()
      const { address } = act
      const { id: userId } = account
      const session = {
        id: crypto.randomUUID(),
        userId,
        createdAt: time,
        lastUsedAt: time,
        address,
        agent: origin.agent,
      }
      const issued = issue(session)
      sessions.removeExpiredBefore(time - EXPIRED_KEPT_MS)
      sessions.insert(session, issued.stored)
      sessions.keepNewest(account.id, SESSIONS_PER_USER)
      audit.record(act, username)
      return issued.tokens
    })
    if (!outcome) throw new ApiError('codeRefused')
    return outcome
  }

  function isSealedAnew(account: Account): boolean {
    const present = users.findExactly(account.username)
    return present?.id === account.id && !Buffer.from(present.sealedSecret).equals(account.sealedSecret)
  }

  /** The session of this user that a token, access or refresh, belongs to. */
  function sessionOf(account: Account, token: string | undefined): string | undefined {
    if (!token || !isTokenShaped(token)) return undefined
    const hash = hashToken(token)
    const bearer = sessions.findByAccess(hash) ?? sessions.findByRefresh(hash)
    return bearer?.user.id === account.id ? bearer.session.id : undefined
  }

  /** A new pair of tokens, and what is kept of it. Neither outlives the session. */
  function issue(session: Session): { tokens: Tokens; stored: TokenPair } {
    const time = steady()
    const sessionEnds = session.createdAt + SESSION_MS
    const accessExpiresAt = Math.min(time + ACCESS_SECONDS * 1000, sessionEnds)
    const access = createToken(random)
    const refresh = createToken(random)
    return {
      tokens: { expiresIn: Math.floor((accessExpiresAt - time) / 1000), access, refresh },
      stored: {
        accessHash: hashToken(access.reveal()),
        accessExpiresAt,
        refreshHash: hashToken(refresh.reveal()),
        refreshExpiresAt: Math.min(time + REFRESH_IDLE_MS, sessionEnds),
      },
    }
  }
}

/** Stands in for a user that does not exist, so that its login costs what every wrong code costs. */
async function createDecoy(sealer: KeptSealer, random: RandomBytes): Promise<Pick<Account, 'id' | 'sealedSecret'>> {
  const id = crypto.randomUUID()
  return { id, sealedSecret: await sealer.seal(random(TOTP_SECRET_BYTES), id) }
}
