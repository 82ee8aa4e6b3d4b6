import type { AuditStore, OpenRefusal } from '../store/audit.ts'
import type { Chain } from './chain.ts'

/** Strangers that are counted by their own address at a time; those beyond share one count. */
const STRANGERS_APART = 20
const STRANGER = 'stranger '
/** In the place of what was not always the same. */
export const MANY = '*'

export type Refusals = ReturnType<typeof createRefusals>

/**
 * Counts refusals up, so that whoever is refused again and again makes no more than a record a minute: all of a
 * stranger's by its address, those of a user by action. Noted at once in memory, for a refusal must not cost a write.
 */
export function createRefusals(store: AuditStore, chain: Chain) {
  const noted = new Map<string, OpenRefusal>()

  return {
    /** @param stranger whether nobody is known to be behind it, whatever name was claimed */
    note(refusal: OpenRefusal, stranger: boolean): void {
      const { user, address, action } = refusal
      const key = stranger ? STRANGER + address : JSON.stringify([address, user, action])
      const crowded = stranger && !noted.has(key) && noted.size >= STRANGERS_APART
      merge(...(crowded ? toMany(refusal) : ([key, refusal] as const)))
    },

    /** Whether there is nothing to be stored, nor anything stored that is still to become a record. */
    isSettled: (): boolean => noted.size === 0 && store.openRefusals('') === 0,

    /** What was noted until now, to be stored. */
    take(): [key: string, refusal: OpenRefusal][] {
      const taken = [...noted]
      noted.clear()
      return taken
    },

    /** What could not be stored. */
    putBack(refusals: [key: string, refusal: OpenRefusal][]): void {
      for (const [key, refusal] of refusals) merge(key, refusal)
    },

    /** Adds it to what is stored already. Runs inside `database.write`. */
    store(key: string, refusal: OpenRefusal, now: number): void {
      const crowded = key.startsWith(STRANGER) && !store.refusal(key) && store.openRefusals(STRANGER) >= STRANGERS_APART
      const [place, counted] = crowded ? toMany(refusal) : [key, refusal]
      const open = store.refusal(place)
      const isSound = open !== undefined && chain.isStamped(open)
      if (open && !isSound) chain.append(chain.forged(now))
      store.putRefusal(place, chain.stamp(isSound ? sum(open, counted) : counted))
    },
  }

  function merge(key: string, refusal: OpenRefusal): void {
    const open = noted.get(key)
    noted.set(key, open ? sum(open, refusal) : refusal)
  }
}

function toMany(refusal: OpenRefusal): [key: string, refusal: OpenRefusal] {
  return [MANY, { ...refusal, address: MANY }]
}

/** Where two differ, the sum says `*`. */
function sum(left: OpenRefusal, right: OpenRefusal): OpenRefusal {
  const same = (field: 'user' | 'address' | 'action' | 'target') => (left[field] === right[field] ? left[field] : MANY)
  return {
    time: Math.min(left.time, right.time),
    user: same('user'),
    address: same('address'),
    action: same('action'),
    target: same('target'),
    errorId: left.errorId === right.errorId ? left.errorId : null,
    count: left.count + right.count,
  }
}
