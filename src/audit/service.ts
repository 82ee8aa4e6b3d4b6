import { ApiError, OperatorError } from '../errors.ts'
import { escapeText, hideTokens } from '../log.ts'
import { addressGroup } from '../network.ts'
import {
  type AuditEntry,
  type AuditFilter,
  type AuditRecord,
  type AuditResult,
  createAuditStore,
  type OpenRefusal,
  type Stamped,
} from '../store/audit.ts'
import type { Verification } from './chain.ts'
import { type ChainPlace, openChain } from './open-chain.ts'
import { createRefusals, MANY } from './refusals.ts'

/** A refusal is counted up with others of its kind for this long before it becomes a record. */
const COUNTING_MS = 60_000
/** What was refused is in the store after this time at the latest. */
const STORE_AFTER_MS = 1_000
const RECORDS_KEPT = 500_000
const RECORDS_PER_PRUNING = 1_000
const LONGEST_TEXT = 100
/** In the place of a name that nobody has. */
const UNKNOWN = '?'
const NO_LIMIT = Number.MAX_SAFE_INTEGER
/** A list that nobody narrowed down. */
const EVERYTHING: AuditFilter = { after: 0, before: NO_LIMIT, since: 0, user: '', action: '', target: '', limit: 100 }

/** Who does what, from where. */
export interface Act {
  /** Empty for a stranger. */
  user: string
  address: string
  /** The words of the route or of the command, with dots between: `droplet.add`, `user.hand-over`. */
  action: string
}

/** Work outside of the database that has begun. */
export interface Begun {
  id: string
  act: Act
  /** Milliseconds since 1970. */
  time: number
}

/** A record, or what will be one; then it has no number yet. */
export type ListedEntry = AuditEntry & { number: number | null }

export type Audit = Awaited<ReturnType<typeof openAudit>>

/**
 * The audit of this data directory.
 * @throws OperatorError as `openChain`
 */
export async function openAudit(
  deps: ChainPlace & {
    /** Whether somebody has this name. */
    isUser: (username: string) => boolean
  },
) {
  const { db, now, isUser } = deps
  const store = createAuditStore(db)
  const chain = await openChain(store, deps)
  const refusals = createRefusals(store, chain)
  /** Errors that a record tells of already. */
  const recorded = new WeakSet<object>()
  /** What is to be written as soon as the store can be written again. */
  let late: { write: () => void; stored: () => void }[] = []
  let timer: ReturnType<typeof setTimeout> | undefined

  return {
    /** Records something in the transaction that does it: both count, or neither does. Runs inside `database.write`. */
    record,

    /**
     * Notes that work outside of the database begins: when this program ends in the middle of it, the next one tells of
     * that. Runs inside `database.write`.
     */
    begin(act: Act, target: string): Begun {
      const id = crypto.randomUUID()
      const begun = { time: now(), ...cleaned(act, target) }
      store.begin(id, chain.stamp(begun))
      return { id, act, time: begun.time }
    },

    /**
     * Records that the work has ended. Runs inside `database.write`.
     * @param target what it turned out to concern
     * @param error what the caller is told; undefined for work that is done
     */
    end({ id, act, time }: Begun, target: string, error?: unknown): void {
      if (error instanceof Error) recorded.add(error)
      store.end(id)
      const result = error === undefined ? 'ok' : resultOf(error)
      append({ time, ...cleaned(act, target), result, errorId: errorIdOf(error), count: 1 })
    },

    /**
     * Writes as soon as the store can be written again: what is done is not undone because it cannot be recorded.
     * @param write may be called again, as the work of `database.write`
     * @param stored called when that is durable
     */
    later: (write: () => void, stored: () => void): void => void late.push({ write, stored }),

    /**
     * Counts a refusal up, in memory: it is stored within a second, and a record within a minute or so.
     * @param error what the caller was told; one that a record tells of already is left alone
     * @param known whether the user of the act proved to be that user
     */
    refused(act: Act, target: string, error: ApiError, known: boolean): void {
      if (recorded.has(error)) return
      const address = addressGroup(act.address)
      // Codes are typed into the field of the name by mistake: a name that nobody has is not written down.
      const hide = (name: string) => (known || name === '' || isKnownUser(name) ? name : UNKNOWN)
      const told = cleaned({ ...act, address, user: hide(act.user) }, hide(target), isKnownUser)
      refusals.note({ time: now(), ...told, errorId: error.errorId, count: 1 }, !known)
      timer ??= setTimeout(() => {
        timer = undefined
        // Tried again with the next refusal, or at the next housekeeping.
        settle().catch(() => undefined)
      }, STORE_AFTER_MS)
      timer.unref()
    },

    /** Records a command on the host that came to nothing. */
    async failed(act: Act, target: string, error: unknown): Promise<void> {
      // What went wrong is told to who gave the command, whether it can be recorded or not.
      await db.write(() => record(act, target, resultOf(error), errorIdOf(error))).catch(() => undefined)
    },

    /** Records what an earlier process was at when it ended. For who holds the serve lock. */
    async recordInterrupted(): Promise<void> {
      await db.write(() => {
        for (const begun of store.takeBegun()) {
          const { mac: _, ...entry } = begun
          const told = chain.isStamped(begun) ? entry : chain.forged(now())
          append({ result: 'interrupted', errorId: null, count: 1, ...told })
        }
      })
    },

    settle,

    /**
     * Newest first. The refusals that are still counted up come before the records, without a number; those of the last
     * second are missing while the store cannot be written.
     */
    async list(filter: Partial<AuditFilter>): Promise<ListedEntry[]> {
      await settle().catch(error => {
        if (!(error instanceof ApiError)) throw error
      })
      const wanted = { ...EVERYTHING, ...filter }
      const open = filter.before === undefined && filter.after === undefined ? openRefusals(wanted) : []
      return [...open, ...store.list(wanted)].slice(0, wanted.limit)
    },

    /** The records alone. */
    records: (filter: Partial<AuditFilter>): AuditRecord[] => store.list({ ...EVERYTHING, ...filter }),

    verify: (): Verification => db.sql.transaction(() => chain.verify()).deferred(),

    async close(): Promise<void> {
      clearTimeout(timer)
      await settle().catch(() => undefined)
    },
  }

  function openRefusals({ since, user, action, target }: AuditFilter): ListedEntry[] {
    const matches = (entry: AuditEntry) =>
      entry.time >= since &&
      (user === '' || entry.user === user || entry.user === MANY) &&
      (action === '' || entry.action === MANY || `${entry.action}.`.startsWith(`${action}.`)) &&
      (target === '' || entry.target === target || entry.target === MANY)
    const open = store.refusalsUntil(NO_LIMIT).reverse()
    return open.map(refusal => ({ ...toEntry(refusal), number: null })).filter(matches)
  }

  function record(act: Act, target: string, result: AuditResult = 'ok', errorId: number | null = null): void {
    append({ time: now(), ...cleaned(act, target), result, errorId, count: 1 })
  }

  function append(entry: AuditEntry): void {
    const { number } = chain.append(entry)
    if (number % RECORDS_PER_PRUNING === 0) chain.pruneUpTo(number - RECORDS_KEPT)
  }

  /**
   * Stores what is noted in memory only, and makes records of the refusals that were counted up for long enough.
   * @throws ApiError 922 when the store cannot be written; then nothing is forgotten
   */
  async function settle(countingMs: number = COUNTING_MS): Promise<void> {
    if (late.length === 0 && refusals.isSettled()) return
    const writes = late
    const noted = refusals.take()
    late = []
    try {
      await db.write(() => {
        for (const { write } of writes) write()
        closeRefusals(COUNTING_MS)
        for (const [key, refusal] of noted) refusals.store(key, refusal, now())
        closeRefusals(countingMs)
      })
    } catch (error) {
      late = [...writes, ...late]
      refusals.putBack(noted)
      throw error
    }
    for (const { stored } of writes) stored()
  }

  function toEntry({ mac, ...refusal }: Stamped<OpenRefusal>): AuditEntry {
    return chain.isStamped({ ...refusal, mac }) ? { ...refusal, result: 'refused' } : chain.forged(now())
  }

  function closeRefusals(countingMs: number): void {
    const until = now() - countingMs
    for (const refusal of store.refusalsUntil(until)) append(toEntry(refusal))
    store.removeRefusals(until)
  }

  /** The same of a store that cannot be read: a refusal is told to its caller whatever comes of noting it. */
  function isKnownUser(name: string): boolean {
    try {
      return isUser(name)
    } catch {
      return false
    }
  }

  /** Nothing in a record can forge another one, or a terminal's command. */
  function cleaned(
    { user, address, action }: Act,
    target: string,
    isName: (text: string) => boolean = isUser,
  ): Act & { target: string } {
    const clean = (text: string) => escapeText((isName(text) ? text : hideTokens(text)).slice(0, LONGEST_TEXT))
    return { user: clean(user), address: clean(address), action, target: clean(target) }
  }
}

/** Refused is what was asked wrongly, failed what we could not do. */
function resultOf(error: unknown): AuditResult {
  const refused = error instanceof ApiError ? error.status < 500 : error instanceof OperatorError
  return refused ? 'refused' : 'failed'
}

function errorIdOf(error: unknown): number | null {
  return error instanceof ApiError ? error.errorId : null
}
