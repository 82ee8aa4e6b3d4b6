import type { Act, Audit } from '../audit/service.ts'
import { ApiError } from '../errors.ts'
import { addressGroup } from '../network.ts'
import type { SteadyClock } from '../steady-clock.ts'
import type { Database } from '../store/database.ts'
import type { RandomBytes } from '../store/key-file.ts'
import type { KeptSealer } from '../store/sealing-key.ts'
import type { SessionStore } from '../store/sessions.ts'
import type { Account, UserStore } from '../store/users.ts'
import type { EnrolmentService } from '../users/enrolment.ts'
import type { Throttle } from './throttle.ts'
import { hashToken, issueTokens, isTokenShaped, type Tokens } from './tokens.ts'
import { matchingStep, TOTP_SECRET_BYTES } from './totp.ts'

const SESSIONS_PER_USER = 10
/** The sealing key is replaced once in years, and not more often than this at a time. */
const LOGIN_ATTEMPTS = 3

/** What a login brings along beside its code. */
export interface Origin {
  /** What the client calls itself. */
  agent: string
  /** A token of the user's own, if one came along: it proves the caller to be no stranger. */
  token?: string | undefined
}

export interface LoginDeps {
  db: Database
  users: UserStore
  sessions: SessionStore
  enrolment: Pick<EnrolmentService, 'pendingOf' | 'takeEffect'>
  throttle: Throttle
  audit: Audit
  sealer: KeptSealer
  /** The time that phones have, for codes. */
  now: () => number
  /** The time by which sessions end. */
  steady: SteadyClock
  random: RandomBytes
}

/** Codes into sessions. */
export async function createLogin(deps: LoginDeps) {
  const { db, users, sessions, enrolment, throttle, audit, sealer, now, steady, random } = deps
  let decoy = await createDecoy(sealer, random)

  return {
    /**
     * Opens a session for a user that shows a fresh code.
     * @throws ApiError as `prove`
     */
    login: (act: Act, username: string, code: string, origin: Origin): Promise<Tokens> =>
      prove(act, username, code, origin, account => openSession(act, account, origin)),

    prove,
  }

  /**
   * Does something for a user that shows a fresh code, in the transaction in which the code is used up.
   * @param code six digits
   * @throws ApiError 902 for everything that does not fit, with the same work done; 915 while locked, whatever the code
   */
  async function prove<T>(
    act: Act,
    username: string,
    code: string,
    origin: Origin,
    proven: (account: Account) => T,
  ): Promise<T> {
    for (let attempt = 0; attempt < LOGIN_ATTEMPTS; attempt++) {
      const outcome = await tryProve(act, username, code, origin, proven)
      if (outcome !== 'again') return outcome.made
    }
    throw new ApiError('storeUnavailable')
  }

  /** @returns `again` when the secret was sealed anew between its being read and used: that is no failure of anybody */
  async function tryProve<T>(
    act: Act,
    username: string,
    code: string,
    origin: Origin,
    proven: (account: Account) => T,
  ): Promise<{ made: T } | 'again'> {
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
      const made = proven(account)
      audit.record(act, username)
      return { made }
    })
    if (!outcome) throw new ApiError('codeRefused')
    return outcome
  }

  /** Runs inside `database.write`. */
  function openSession({ address }: Act, { id: userId }: Account, { agent }: Origin): Tokens {
    const time = steady()
    const session = { id: crypto.randomUUID(), userId, createdAt: time, lastUsedAt: time, address, agent }
    const issued = issueTokens(session, time, random)
    sessions.insert(session, issued.stored)
    sessions.keepNewest(userId, SESSIONS_PER_USER)
    return issued.tokens
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
}

/** Stands in for a user that does not exist, so that its login costs what every wrong code costs. */
async function createDecoy(sealer: KeptSealer, random: RandomBytes): Promise<Pick<Account, 'id' | 'sealedSecret'>> {
  const id = crypto.randomUUID()
  return { id, sealedSecret: await sealer.seal(random(TOTP_SECRET_BYTES), id) }
}
