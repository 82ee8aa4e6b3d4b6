import type { Matrix } from '../e2e/matrix.ts'
import { codeOf, type Life, type Pair, requestsOf, stepAt } from './life.ts'

/** A code is tried only as long as its being refused, or accepted, says something. */
const CODE_MARGIN_MS = 5_000

/**
 * Holds what the server knows after its restart against the record of what it acknowledged before. What was in doubt
 * is settled by that, and users that are gone leave the record.
 * @returns a sentence for everything that does not agree
 */
export async function audit(matrix: Matrix, owner: Pair, lives: Life[]): Promise<string[]> {
  const findings: string[] = []
  const { status, body } = await matrix.call('GET', '/user/list', owner.access_token)
  if (status !== 200) return [`the owner's session is lost: ${status} ${JSON.stringify(body)}`]
  const listed = new Set((body as { username: string }[]).map(({ username }) => username))
  for (const life of lives) {
    const said = await auditLife(matrix, owner, life, listed.delete(life.username))
    findings.push(...said.map(finding => `${life.username}: ${finding}`))
  }
  listed.delete('owner')
  findings.push(...[...listed].map(username => `${username} is there and should not be`))
  lives.splice(0, lives.length, ...lives.filter(({ present }) => present))
  return findings
}

async function auditLife(matrix: Matrix, owner: Pair, life: Life, listed: boolean): Promise<string[]> {
  const findings: string[] = []
  const requests = requestsOf(matrix, life, owner)
  const expect = (holds: boolean, finding: string) => void (holds || findings.push(finding))
  const isLive = async (token: string) => (await requests.show(token)).status === 200
  const { doubt } = life
  life.doubt = undefined

  expect(listed === life.present || doubt === 'add' || doubt === 'delete', listed ? 'not deleted' : 'not added')
  life.present = listed
  for (const token of life.ended.splice(0)) expect(!(await isLive(token)), 'an access token that ended is accepted')
  if (!listed) {
    if (life.pair) expect(!(await isLive(life.pair.access_token)), 'a session outlived its user')
    return findings
  }
  const setup = await requests.setup()
  const { secret } = setup.body as { secret: string }
  expect(setup.status === 200 && (life.secret ?? secret) === secret, 'the secret is another')
  life.secret = secret

  if (doubt === 'login') await settleLogin()
  else if (doubt === 'revoke') await settleRevoke()
  else if (doubt === 'refresh') await settleRefresh()
  await auditSession()
  await auditCode()
  return findings

  async function countSessions(): Promise<number> {
    const { body } = await requests.sessions()
    return Array.isArray(body) ? body.length : -1
  }

  /** The step was taken together with the session, or neither. */
  async function settleLogin(): Promise<void> {
    if ((await countSessions()) === 0) {
      if (!codeStillCounts()) return
      const { status, body } = await requests.login(codeOf(secret, life.usedStep))
      expect(status === 200, 'a code that opened no session is used up')
      if (status === 200) life.pair = body as Pair
      life.codeUntried = status === 200
    } else {
      // Nobody got its tokens.
      expect((await requests.revokeByOwner()).status === 200, 'the owner cannot revoke')
      life.codeUntried = true
    }
  }

  async function settleRevoke(): Promise<void> {
    if ((await countSessions()) === 0 && life.pair) {
      expect(!(await isLive(life.pair.access_token)), 'a token outlived its session')
      life.pair = undefined
    }
  }

  /** Both tokens are the old ones, or neither is; the new ones got lost on their way. */
  async function settleRefresh(): Promise<void> {
    const old = life.pair
    if (!old || (await isLive(old.access_token))) return
    expect((await countSessions()) === 1, 'a refresh in flight lost its session')
    expect((await requests.refresh(old)).status === 401, 'half a refresh: the old refresh token is accepted')
    expect((await countSessions()) === 0, 'a refresh token that came again did not end its session')
    life.pair = undefined
  }

  /** The newest pair that was acknowledged works, and is good for the next one. */
  async function auditSession(): Promise<void> {
    const sessions = await countSessions()
    expect(sessions === (life.pair ? 1 : 0), `${sessions} sessions`)
    if (!life.pair) return
    expect(await isLive(life.pair.access_token), 'the newest access token is refused')
    const { status, body } = await requests.refresh(life.pair)
    expect(status === 200, 'the newest refresh token is refused')
    if (status !== 200) return
    life.ended.push(life.pair.access_token)
    life.pair = body as Pair
  }

  async function auditCode(): Promise<void> {
    if (!life.codeUntried) return
    life.codeUntried = false
    if (!codeStillCounts()) return
    const { body } = await requests.login(codeOf(secret, life.usedStep))
    expect((body as { errorId?: number }).errorId === 902, `a used code gives ${JSON.stringify(body)}`)
  }

  function codeStillCounts(): boolean {
    return stepAt(Date.now() + CODE_MARGIN_MS) <= life.usedStep + 1
  }
}
