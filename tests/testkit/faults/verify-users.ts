import type { ServerProcess } from '../e2e/server-process.ts'
import { codeForStep, createUserRequests, stepAt, type TokenPair, type UserRecord } from './user-record.ts'

/** A code is tried only while it is certain not to expire before the response. */
const CODE_MARGIN_MS = 5_000

/**
 * Compares the state of the restarted server with what it had acknowledged. Resolves requests with an unknown outcome,
 * and removes deleted users from the records.
 * @returns a description of each difference
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
  findings.push(...[...listedNames].map(username => `${username} exists, but should not`))
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
    check(!(await isLive(token)), 'an access token is accepted after its end')
  if (!isListed) {
    if (record.tokens) check(!(await isLive(record.tokens.access_token)), 'a session outlived its user')
    return findings
  }
  const setup = await requests.setup()
  const { secret } = setup.body as { secret: string }
  check(setup.status === 200 && (record.secret ?? secret) === secret, 'the secret has changed')
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

  /** The code was consumed and the session opened, or neither. */
  async function resolveLogin(): Promise<void> {
    if ((await countSessions()) === 0) {
      if (!isCodeStillValid()) return
      const { status, body } = await requests.login(codeForStep(secret, record.lastStep))
      check(status === 200, 'a code that opened no session was consumed')
      if (status === 200) record.tokens = body as TokenPair
      record.isCodeUnverified = status === 200
    } else {
      // The tokens of the new session were lost with the response.
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

  /** Both old tokens are valid, or neither is. New ones were lost with the response. */
  async function resolveRefresh(): Promise<void> {
    const oldPair = record.tokens
    if (!oldPair || (await isLive(oldPair.access_token))) return
    check((await countSessions()) === 1, 'an interrupted refresh lost its session')
    check(
      (await requests.refresh(oldPair)).status === 401,
      'the refresh is incomplete: the old refresh token is accepted',
    )
    check((await countSessions()) === 0, 'reuse of a refresh token did not end its session')
    record.tokens = undefined
  }

  /** The newest acknowledged tokens work and can be refreshed. */
  async function verifySession(): Promise<void> {
    const sessions = await countSessions()
    check(sessions === (record.tokens ? 1 : 0), `${sessions} sessions`)
    if (!record.tokens) return
    check(await isLive(record.tokens.access_token), 'the newest access token is rejected')
    const { status, body } = await requests.refresh(record.tokens)
    check(status === 200, 'the newest refresh token is rejected')
    if (status !== 200) return
    record.endedTokens.push(record.tokens.access_token)
    record.tokens = body as TokenPair
  }

  async function verifyUsedCode(): Promise<void> {
    if (!record.isCodeUnverified) return
    record.isCodeUnverified = false
    if (!isCodeStillValid()) return
    const { body } = await requests.login(codeForStep(secret, record.lastStep))
    check((body as { errorId?: number }).errorId === 902, `reuse of a code returns ${JSON.stringify(body)}`)
  }

  function isCodeStillValid(): boolean {
    return stepAt(Date.now() + CODE_MARGIN_MS) <= record.lastStep + 1
  }
}
