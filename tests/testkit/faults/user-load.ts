import type { ApiResponse, ServerProcess } from '../e2e/server-process.ts'
import {
  codeForStep,
  createUserRecord,
  createUserRequests,
  type PendingRequest,
  stepAt,
  type TokenPair,
  type UserRecord,
} from './user-record.ts'

const WORKERS = 8
/** Beyond so many users, those that are there are taken further before others are added. */
const MAX_USERS = 24

/** An answer that no load of this kind may get. */
class UnexpectedResponse extends Error {}

/** How long after an answer stayed out a server that was killed is gone. */
const EXIT_TIMEOUT_MS = 5_000

/**
 * Adds and deletes users, logs in, refreshes and revokes with eight callers at once until the server was killed in the
 * middle of it. What it answered is noted in `lives`.
 * @param killAfter acknowledgements after which it is killed; without, somebody else does that
 */
export async function loadUntilKilled(
  server: ServerProcess,
  ownerTokens: TokenPair,
  records: UserRecord[],
  killAfter = Number.POSITIVE_INFINITY,
): Promise<void> {
  const busyRecords = new Set<UserRecord>()
  let remaining = killAfter

  await Promise.all(Array.from({ length: WORKERS }, runWorker))

  async function runWorker(): Promise<void> {
    for (;;) {
      const record = nextRecord()
      try {
        await performNextRequest(record)
      } catch (error) {
        // Whoever waited for an answer when the server was killed has none, and that is what `doubt` says.
        if (error instanceof UnexpectedResponse || !(await exitsSoon())) throw error
        return
      } finally {
        busyRecords.delete(record)
      }
    }
  }

  async function exitsSoon(): Promise<boolean> {
    const timeout = Bun.sleep(EXIT_TIMEOUT_MS).then(() => false)
    return await Promise.race([server.process.exited.then(() => true), timeout])
  }

  function nextRecord(): UserRecord {
    const idleRecords = records.filter(record => record.exists && !record.pendingRequest && !busyRecords.has(record))
    const existing =
      records.length < MAX_USERS ? undefined : idleRecords[Math.floor(Math.random() * idleRecords.length)]
    const record = existing ?? createUserRecord()
    if (!existing) records.push(record)
    busyRecords.add(record)
    return record
  }

  /** One thing that this user can do next. */
  async function performNextRequest(record: UserRecord): Promise<void> {
    const requests = createUserRequests(server, record, ownerTokens)
    const { tokens } = record
    if (!record.exists) {
      await sendAcknowledged('add', requests.add)
      record.exists = true
    } else if (!record.secret) {
      record.secret = secretOf(await requests.setup())
    } else if (!tokens && stepAt(Date.now()) > record.lastStep) {
      record.lastStep = stepAt(Date.now())
      const code = codeForStep(record.secret, record.lastStep)
      record.tokens = await sendAcknowledged<TokenPair>('login', () => requests.login(code))
      record.isCodeUnverified = true
    } else if (tokens && Math.random() < 0.7) {
      record.tokens = await sendAcknowledged<TokenPair>('refresh', () => requests.refresh(tokens))
      record.endedTokens.push(tokens.access_token)
    } else if (tokens && Math.random() < 0.5) {
      await sendAcknowledged('revoke', () => requests.revoke(tokens))
      endSession(tokens)
    } else {
      await sendAcknowledged('delete', requests.remove)
      record.exists = false
      if (tokens) endSession(tokens)
    }

    function endSession({ access_token }: TokenPair): void {
      record.endedTokens.push(access_token)
      record.tokens = undefined
    }

    /** A write is in doubt from the moment it is asked until it is answered. */
    async function sendAcknowledged<T>(pendingRequest: PendingRequest, send: () => Promise<ApiResponse>): Promise<T> {
      record.pendingRequest = pendingRequest
      const { status, body } = await send()
      if (status !== 200)
        throw new UnexpectedResponse(`${pendingRequest} ${record.username}: ${status} ${JSON.stringify(body)}`)
      record.pendingRequest = undefined
      remaining -= 1
      if (remaining === 0) server.process.kill('SIGKILL')
      return body as T
    }
  }
}

function secretOf({ status, body }: ApiResponse): string {
  if (status !== 200) throw new UnexpectedResponse(`setup: ${status} ${JSON.stringify(body)}`)
  return (body as { secret: string }).secret
}
