import { timedOut, withTimeout } from '../../../src/core/timeout.ts'
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
/** Once there are this many users, the load works on them and adds no more. */
const MAX_USERS = 24

/** A response that this load must never get. */
class UnexpectedResponse extends Error {}

/** How long after a failed request the killed server may take to exit. */
const EXIT_TIMEOUT_MS = 5_000
/** Far longer than a load takes until the server is killed. */
const LOAD_TIMEOUT_MS = 120_000

/**
 * Adds and deletes users, logs in, refreshes and revokes with eight concurrent clients until the server is killed.
 * Updates `records` with every acknowledged change.
 * @param killAfter kills the server after this many acknowledgements; by default the caller does
 */
export async function loadUntilKilled(
  server: ServerProcess,
  ownerTokens: TokenPair,
  records: UserRecord[],
  killAfter = Number.POSITIVE_INFINITY,
): Promise<void> {
  const busyRecords = new Set<UserRecord>()
  const deadline = performance.now() + LOAD_TIMEOUT_MS
  let remaining = killAfter

  await Promise.all(Array.from({ length: WORKERS }, runWorker))

  async function runWorker(): Promise<void> {
    while (performance.now() < deadline) {
      const record = nextRecord()
      try {
        await performNextRequest(record)
      } catch (error) {
        // Requests fail when the server is killed; their outcome is unknown (`pendingRequest`).
        if (error instanceof UnexpectedResponse || !(await exitsSoon())) throw error
        return
      } finally {
        busyRecords.delete(record)
      }
    }
    throw new Error(`the server was not killed within ${LOAD_TIMEOUT_MS} ms`)
  }

  async function exitsSoon(): Promise<boolean> {
    return (await withTimeout(server.process.exited, EXIT_TIMEOUT_MS)) !== timedOut
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

  /** Sends one random request that is possible in the user's state. */
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

    /** The outcome of a write is unknown from its request until its response. */
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
