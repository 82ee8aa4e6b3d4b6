import type { ServerProcess } from '../e2e/server-process.ts'
import { codeForStep, createUserRequests, stepAt, type TokenPair, type UserRecord } from './user-record.ts'

/** A code is tried only as long as its being refused, or accepted, says something. */
const CODE_MARGIN_MS = 5_000

/**
 * Holds what the server knows after its restart against the record of what it acknowledged before. What was in doubt
 * is settled by that, and users that are gone leave the record.
 * @returns a sentence for everything that does not agree
 */
export async function verifyUsers(
  server: ServerProcess,
  ownerTokens: TokenPair,
  records: UserRecord[],
): Promise<string[]> {
  const findings: string[] = []
  const { status, body } = await server.call('GET', '/user/list', ownerTokens.access_token)
  if (status !== 200) return [`the owner's session is lost: ${status} ${JSON.stringify(body)}`]
  const listedNames = new Set((body as { username: string }[]).map(({ username }) => username))
  for (const record of records) {
    const userFindings = await verifyUser(server, ownerTokens, record, listedNames.delete(record.username))
    findings.push(...userFindings.map(finding => `${record.username}: ${finding}`))
  }
  listedNames.delete('owner')
  findings.push(...[...listedNames].map(username => `${username} is there and should not be`))
  records.splice(0, records.length, ...records.filter(({ exists }) => exists))
  return findings
}

async function verifyUser(
  server: ServerProcess,
  ownerTokens: TokenPair,
  record: UserRecord,
  isListed: boolean,
): Promise<string[]> {
  const findings: string[] = []
  const requests = createUserRequests(server, record, ownerTokens)
  const check = (condition: boolean, finding: string) => void (condition || findings.push(finding))
  const isLive = async (token: string) => (await requests.listOwnSessions(token)).status === 200
  const { pendingRequest } = record
  record.pendingRequest = undefined

  check(
    isListed === record.exists || pendingRequest === 'add' || pendingRequest === 'delete',
    isListed ? 'not deleted' : 'not added',
  )
  record.exists = isListed
  for (const token of record.endedTokens.splice(0))
    check(!(await isLive(token)), 'an access token that ended is accepted')
  if (!isListed) {
    if (record.tokens) check(!(await isLive(record.tokens.access_token)), 'a session outlived its user')
    return findings
  }
  const setup = await requests.setup()
  const { secret } = setup.body as { secret: string }
  check(setup.status === 200 && (record.secret ?? secret) === secret, 'the secret is another')
  record.secret = secret

  if (pendingRequest === 'login') await resolveLogin()
  else if (pendingRequest === 'revoke') await resolveRevoke()
  else if (pendingRequest === 'refresh') await resolveRefresh()
  await verifySession()
  await verifyUsedCode()
  return findings

  async function countSessions(): Promise<number> {
    const { body } = await requests.sessions()
    return Array.isArray(body) ? body.length : -1
  }

  /** The step was taken together with the session, or neither. */
  async function resolveLogin(): Promise<void> {
    if ((await countSessions()) === 0) {
      if (!isCodeStillValid()) return
      const { status, body } = await requests.login(codeForStep(secret, record.lastStep))
      check(status === 200, 'a code that opened no session is used up')
      if (status === 200) record.tokens = body as TokenPair
      record.isCodeUnverified = status === 200
    } else {
      // Nobody got its tokens.
      check((await requests.revokeByOwner()).status === 200, 'the owner cannot revoke')
      record.isCodeUnverified = true
    }
  }

  async function resolveRevoke(): Promise<void> {
    if ((await countSessions()) === 0 && record.tokens) {
      check(!(await isLive(record.tokens.access_token)), 'a token outlived its session')
      record.tokens = undefined
    }
  }

  /** Both tokens are the old ones, or neither is; the new ones got lost on their way. */
  async function resolveRefresh(): Promise<void> {
    const oldPair = record.tokens
    if (!oldPair || (await isLive(oldPair.access_token))) return
    check((await countSessions()) === 1, 'a refresh in flight lost its session')
    check((await requests.refresh(oldPair)).status === 401, 'half a refresh: the old refresh token is accepted')
    check((await countSessions()) === 0, 'a refresh token that came again did not end its session')
    record.tokens = undefined
  }

  /** The newest pair that was acknowledged works, and is good for the next one. */
  async function verifySession(): Promise<void> {
    const sessions = await countSessions()
    check(sessions === (record.tokens ? 1 : 0), `${sessions} sessions`)
    if (!record.tokens) return
    check(await isLive(record.tokens.access_token), 'the newest access token is refused')
    const { status, body } = await requests.refresh(record.tokens)
    check(status === 200, 'the newest refresh token is refused')
    if (status !== 200) return
    record.endedTokens.push(record.tokens.access_token)
    record.tokens = body as TokenPair
  }

  async function verifyUsedCode(): Promise<void> {
    if (!record.isCodeUnverified) return
    record.isCodeUnverified = false
    if (!isCodeStillValid()) return
    const { body } = await requests.login(codeForStep(secret, record.lastStep))
    check((body as { errorId?: number }).errorId === 902, `a used code gives ${JSON.stringify(body)}`)
  }

  function isCodeStillValid(): boolean {
    return stepAt(Date.now() + CODE_MARGIN_MS) <= record.lastStep + 1
  }
}
