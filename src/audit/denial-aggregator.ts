import type { AuditStore, PendingDenial } from '../store/audit.ts'
import type { Chain } from './chain.ts'

/** Strangers that are counted by their own address at a time; those beyond share one count. */
const MAX_ANONYMOUS_ADDRESSES = 20
const ANONYMOUS_PREFIX = 'stranger '
/** In the place of what was not always the same. */
export const WILDCARD = '*'

export type DenialAggregator = ReturnType<typeof createDenialAggregator>

/**
 * Counts refusals up, so that whoever is refused again and again makes no more than a record a minute: all of a
 * stranger's by its address, those of a user by action. Noted at once in memory, for a refusal must not cost a write.
 */
export function createDenialAggregator(store: AuditStore, chain: Chain) {
  const pending = new Map<string, PendingDenial>()

  return {
    /** @param isAnonymous whether nobody is known to be behind it, whatever name was claimed */
    add(denial: PendingDenial, isAnonymous: boolean): void {
      const { user, address, action } = denial
      const key = isAnonymous ? ANONYMOUS_PREFIX + address : JSON.stringify([address, user, action])
      const isFull = isAnonymous && !pending.has(key) && pending.size >= MAX_ANONYMOUS_ADDRESSES
      addToPending(...(isFull ? toWildcard(denial) : ([key, denial] as const)))
    },

    /** Whether there is nothing to be stored, nor anything stored that is still to become a record. */
    isEmpty: (): boolean => pending.size === 0 && store.countPendingDenials('') === 0,

    /** What was noted until now, to be stored. */
    drain(): [key: string, refusal: PendingDenial][] {
      const drained = [...pending]
      pending.clear()
      return drained
    },

    /** What could not be stored. */
    restore(denials: [key: string, refusal: PendingDenial][]): void {
      for (const [key, denial] of denials) addToPending(key, denial)
    },

    /** Adds it to what is stored already. Runs inside `database.write`. */
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

function toWildcard(denial: PendingDenial): [key: string, refusal: PendingDenial] {
  return [WILDCARD, { ...denial, address: WILDCARD }]
}

/** Where two differ, the sum says `*`. */
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
