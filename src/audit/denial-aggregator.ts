import type { AuditStore, PendingDenial } from '../store/audit.ts'
import type { Chain } from './chain.ts'

/** Anonymous addresses with a count of their own; all others share one. */
const MAX_ANONYMOUS_ADDRESSES = 20
const ANONYMOUS_PREFIX = 'anonymous '
/** Replaces values that differ between aggregated denials. */
export const WILDCARD = '*'

/**
 * Aggregates denials to at most one record a minute per anonymous address, and per user, address and action. They are
 * collected in memory first, so that a denial costs no write.
 */
export function createDenialAggregator(store: AuditStore, chain: Chain) {
  const pending = new Map<string, PendingDenial>()

  return {
    /** @param isAnonymous whether the caller is not authenticated, even if it sent a username */
    add(denial: PendingDenial, isAnonymous: boolean): void {
      const { user, address, action } = denial
      const key = isAnonymous ? ANONYMOUS_PREFIX + address : JSON.stringify([address, user, action])
      const isFull = isAnonymous && !pending.has(key) && pending.size >= MAX_ANONYMOUS_ADDRESSES
      addToPending(...(isFull ? toWildcard(denial) : ([key, denial] as const)))
    },

    /** Whether there are no denials in memory or in the store. */
    isEmpty: (): boolean => pending.size === 0 && store.countPendingDenials('') === 0,

    /** Takes the collected denials out of memory, to be stored. */
    drain(): [key: string, denial: PendingDenial][] {
      const drained = [...pending]
      pending.clear()
      return drained
    },

    /** Returns denials that could not be stored. */
    restore(denials: [key: string, denial: PendingDenial][]): void {
      for (const [key, denial] of denials) addToPending(key, denial)
    },

    /** Merges a denial into the stored ones. Runs inside `database.write`. */
    persist(key: string, denial: PendingDenial, now: number): void {
      const isFull =
        key.startsWith(ANONYMOUS_PREFIX) &&
        !store.findDenial(key) &&
        store.countPendingDenials(ANONYMOUS_PREFIX) >= MAX_ANONYMOUS_ADDRESSES
      const [bucketKey, entry] = isFull ? toWildcard(denial) : [key, denial]
      const stored = store.findDenial(bucketKey)
      const isAuthentic = stored !== undefined && chain.isAuthentic(stored)
      if (stored && !isAuthentic) chain.append(chain.forgedEntry(now))
      store.saveDenial(bucketKey, chain.authenticate(isAuthentic ? mergeDenials(stored, entry) : entry))
    },
  }

  function addToPending(key: string, denial: PendingDenial): void {
    const existing = pending.get(key)
    pending.set(key, existing ? mergeDenials(existing, denial) : denial)
  }
}

function toWildcard(denial: PendingDenial): [key: string, denial: PendingDenial] {
  return [WILDCARD, { ...denial, address: WILDCARD }]
}

/** Values that differ become `*`. */
function mergeDenials(left: PendingDenial, right: PendingDenial): PendingDenial {
  const commonValue = (field: 'user' | 'address' | 'action' | 'target') =>
    left[field] === right[field] ? left[field] : WILDCARD
  return {
    time: Math.min(left.time, right.time),
    user: commonValue('user'),
    address: commonValue('address'),
    action: commonValue('action'),
    target: commonValue('target'),
    errorId: left.errorId === right.errorId ? left.errorId : null,
    count: left.count + right.count,
  }
}
