import type { Audit } from '../audit/service.ts'
import type { Actor } from '../core/actor.ts'
import type { MonotonicWallClock } from '../core/clock.ts'
import { ApiError } from '../core/errors.ts'
import { addressPrefix } from '../core/network.ts'
import type { RandomBytes } from '../core/random.ts'
import type { Database } from '../store/database.ts'
import type { RotatableSecretBox } from '../store/encryption-key.ts'
import type { SessionStore } from '../store/sessions.ts'
import type { Account, UserStore } from '../store/users.ts'
import type { EnrolmentService } from './enrolment.ts'
import type { Throttle } from './throttle.ts'
import { hashToken, hasTokenFormat, issueTokens, type Tokens } from './tokens.ts'
import { matchingStep, TOTP_SECRET_BYTES } from './totp.ts'

const MAX_SESSIONS_PER_USER = 10
/** The sealing key is replaced once in years, and not more often than this at a time. */
const KEY_ROTATION_ATTEMPTS = 3

/** What a login brings along beside its code. */
export interface ClientInfo {
  /** What the client calls itself. */
  agent: string
  /** A token of the user's own, if one came along: it proves the caller to be no stranger. */
  token?: string | undefined
}

export interface LoginDeps {
  db: Database
  users: UserStore
  sessions: SessionStore
  enrolment: Pick<EnrolmentService, 'pendingSecret' | 'activate'>
  throttle: Throttle
  audit: Audit
  secretBox: RotatableSecretBox
  /** The time that phones have, for codes. */
  now: () => number
  /** The time by which sessions end. */
  monotonicWallClock: MonotonicWallClock
  random: RandomBytes
}

/** Codes into sessions. */
export async function createLogin(deps: LoginDeps) {
  const { db, users, sessions, enrolment, throttle, audit, secretBox, now, monotonicWallClock, random } = deps
  let decoy = await createDecoy(secretBox, random)

  return {
    /**
     * Opens a session for a user that shows a fresh code.
     * @throws ApiError as `prove`
     */
    login: (actor: Actor, username: string, code: string, client: ClientInfo): Promise<Tokens> =>
      verifyCode(actor, username, code, client, account => openSession(actor, account, client)),

    verifyCode,
  }

  /**
   * Does something for a user that shows a fresh code, in the transaction in which the code is used up.
   * @param code six digits
   * @throws ApiError 902 for everything that does not fit, with the same work done; 915 while locked, whatever the code
   */
  async function verifyCode<T>(
    actor: Actor,
    username: string,
    code: string,
    client: ClientInfo,
    onVerified: (account: Account) => T,
  ): Promise<T> {
    for (let attempt = 0; attempt < KEY_ROTATION_ATTEMPTS; attempt++) {
      const outcome = await tryVerifyCode(actor, username, code, client, onVerified)
      if (outcome !== 'again') return outcome.result
    }
    throw new ApiError('storeUnavailable')
  }

  /** @returns `again` when the secret was sealed anew between its being read and used: that is no failure of anybody */
  async function tryVerifyCode<T>(
    actor: Actor,
    username: string,
    code: string,
    client: ClientInfo,
    onVerified: (account: Account) => T,
  ): Promise<{ result: T } | 'again'> {
    const account = users.findExactly(username)
    if (!secretBox.isCurrent(decoy.sealedSecret)) decoy = await createDecoy(secretBox, random)
    // As many secrets are opened for everybody: time tells nothing of who exists, or is about to change its phone.
    const secret = await secretBox.decrypt((account ?? decoy).sealedSecret, (account ?? decoy).id)
    const pending = account && (await enrolment.pendingSecret(account.id))
    if (!pending) await secretBox.decrypt(decoy.sealedSecret, decoy.id)
    const source = { address: addressPrefix(actor.address), sessionId: account && sessionIdOf(account, client.token) }
    const outcome = await db.write(() => {
      const bucket = throttle.bucketOf(username, account?.id, source)
      throttle.rejectLocked(source, bucket)
      const step = matchingStep(secret, code, now())
      if (account && step !== undefined && wasReencrypted(account)) return 'again'
      const isStepAccepted = account && step !== undefined && users.consumeTimeStep(account, step)
      if (!account || !(isStepAccepted || (pending && enrolment.activate(actor, account, pending, code)))) {
        throttle.countFailure(source, bucket)
        return undefined
      }
      throttle.countSuccess(source, bucket, account.id)
      const result = onVerified(account)
      audit.record(actor, username)
      return { result }
    })
    if (!outcome) throw new ApiError('codeRefused')
    return outcome
  }

  /** Runs inside `database.write`. */
  function openSession({ address }: Actor, { id: userId }: Account, { agent }: ClientInfo): Tokens {
    const time = monotonicWallClock()
    const session = { id: crypto.randomUUID(), userId, createdAt: time, lastUsedAt: time, address, agent }
    const issued = issueTokens(session, time, random)
    sessions.insert(session, issued.stored)
    sessions.retainNewest(userId, MAX_SESSIONS_PER_USER)
    return issued.tokens
  }

  function wasReencrypted(account: Account): boolean {
    const current = users.findExactly(account.username)
    return current?.id === account.id && !Buffer.from(current.sealedSecret).equals(account.sealedSecret)
  }

  /** The session of this user that a token, access or refresh, belongs to. */
  function sessionIdOf(account: Account, token: string | undefined): string | undefined {
    if (!token || !hasTokenFormat(token)) return undefined
    const hash = hashToken(token)
    const holder = sessions.findByAccess(hash) ?? sessions.findByRefresh(hash)
    return holder?.user.id === account.id ? holder.session.id : undefined
  }
}

/** Stands in for a user that does not exist, so that its login costs what every wrong code costs. */
async function createDecoy(
  secretBox: RotatableSecretBox,
  random: RandomBytes,
): Promise<Pick<Account, 'id' | 'sealedSecret'>> {
  const id = crypto.randomUUID()
  return { id, sealedSecret: await secretBox.encrypt(random(TOTP_SECRET_BYTES), id) }
}
