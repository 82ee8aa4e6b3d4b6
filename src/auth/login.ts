import type { Audit } from '../audit/service.ts'
import type { Actor } from '../core/actor.ts'
import type { MonotonicWallClock } from '../core/clock.ts'
import { ApiError } from '../core/errors.ts'
import { addressPrefix } from '../core/network.ts'
import type { RandomBytes } from '../core/random.ts'
import type { Database } from '../store/database.ts'
import type { RotatableSecretBox } from '../store/rotatable-secret-box.ts'
import type { SessionStore } from '../store/sessions.ts'
import type { Account, UserStore } from '../store/users.ts'
import type { PendingSecrets } from './pending-secret.ts'
import type { Throttle } from './throttle.ts'
import { hashToken, hasTokenFormat, issueTokens, type Tokens } from './tokens.ts'
import { matchingStep, TOTP_SECRET_BYTES } from './totp.ts'

const MAX_SESSIONS_PER_USER = 10
/** The encryption key is rotated rarely, so a few attempts are enough to get past a concurrent rotation. */
const KEY_ROTATION_ATTEMPTS = 3

/** User agent and optional token of the request. */
export interface ClientInfo {
  /** The User-Agent header. */
  agent: string
  /** An access or refresh token of the user, which moves the attempt out of the anonymous throttle bucket. */
  token?: string | undefined
}

export interface LoginDeps {
  db: Database
  users: UserStore
  sessions: SessionStore
  enrolment: PendingSecrets
  throttle: Throttle
  audit: Audit
  secretBox: RotatableSecretBox
  /** The system's time, for codes. */
  now: () => number
  /** For the expiry of sessions. */
  monotonicWallClock: MonotonicWallClock
  random: RandomBytes
}

/** Verifies TOTP codes and opens sessions. */
export async function createLogin(deps: LoginDeps) {
  const { db, users, sessions, enrolment, throttle, audit, secretBox, now, monotonicWallClock, random } = deps
  let decoy = await createDecoy(secretBox, random)

  return {
    /**
     * Opens a session for a user with a fresh code.
     * @throws ApiError as `verifyCode`
     */
    login: (actor: Actor, username: string, code: string, client: ClientInfo): Promise<Tokens> =>
      verifyCode(actor, username, code, client, account => openSession(actor, account, client)),

    verifyCode,
  }

  /**
   * Consumes a fresh code and runs `onVerified` in the same transaction.
   * @param code six digits
   * @throws ApiError 902 for a wrong code or an unknown user, after the same work; 915 while locked, even for a valid code
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

  /** @returns `again` if the secret was re-encrypted while the code was checked, which is not counted as a failure */
  async function tryVerifyCode<T>(
    actor: Actor,
    username: string,
    code: string,
    client: ClientInfo,
    onVerified: (account: Account) => T,
  ): Promise<{ result: T } | 'again'> {
    const account = users.findExactly(username)
    if (!secretBox.isCurrent(decoy.encryptedSecret)) decoy = await createDecoy(secretBox, random)
    // Always decrypt the same number of secrets, so timing reveals neither users nor pending enrolments.
    const secret = await secretBox.decrypt((account ?? decoy).encryptedSecret, (account ?? decoy).id)
    const pending = account && (await enrolment.pendingSecret(account.id))
    if (!pending) await secretBox.decrypt(decoy.encryptedSecret, decoy.id)
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
    return current?.id === account.id && !Buffer.from(current.encryptedSecret).equals(account.encryptedSecret)
  }

  /** The session of an access or refresh token, if it belongs to this user. */
  function sessionIdOf(account: Account, token: string | undefined): string | undefined {
    if (!token || !hasTokenFormat(token)) return undefined
    const hash = hashToken(token)
    const holder = sessions.findByAccess(hash) ?? sessions.findByRefresh(hash)
    return holder?.user.id === account.id ? holder.session.id : undefined
  }
}

/** Stands in for an unknown user, so that its login does the same work as any wrong code. */
async function createDecoy(
  secretBox: RotatableSecretBox,
  random: RandomBytes,
): Promise<Pick<Account, 'id' | 'encryptedSecret'>> {
  const id = crypto.randomUUID()
  return { id, encryptedSecret: await secretBox.encrypt(random(TOTP_SECRET_BYTES), id) }
}
