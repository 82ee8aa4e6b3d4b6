const MINUTE = 60_000
const HOUR = 60 * MINUTE
const YEAR = 365 * 24 * HOUR

/** Who tries to log in as somebody: from where, and in which of the counts of that name this falls. */
export interface Attempt {
  address: string
  /** Strangers share one count for a name; an address or a session that was proved has one of its own. */
  count: string
}

interface Failures {
  row: number
  last: number
  inWindow: number
  windowBegan: number
}

/**
 * The limits of README.md, "Locks", in the fewest words: five failures in a row lock for a minute and each further one
 * for twice as long, up to an hour; 100 within a year until it is over; 20 within ten minutes from one address.
 */
export function createThrottleModel() {
  const counts = new Map<string, Failures>()
  const addresses = new Map<string, Failures>()

  return {
    /** When the count of the name and that of the address let this attempt through: not in the future means now. */
    openAt({ address, count }: Attempt): { count: number; address: number } {
      const [ofCount, ofAddress] = [counts.get(count), addresses.get(address)]
      const lock = ofCount && ofCount.row >= 5 ? Math.min(MINUTE * 2 ** (ofCount.row - 5), HOUR) : 0
      const lockEnds = ofCount ? ofCount.last + lock : 0
      const yearEnds = ofCount && ofCount.inWindow >= 100 ? ofCount.windowBegan + YEAR : 0
      return {
        count: Math.max(lockEnds, yearEnds),
        address: ofAddress && ofAddress.inWindow >= 20 ? ofAddress.windowBegan + 10 * MINUTE : 0,
      }
    },

    failed({ address, count }: Attempt, now: number): void {
      counts.set(count, oneMore(counts.get(count), now, YEAR))
      addresses.set(address, oneMore(addresses.get(address), now, 10 * MINUTE))
    },

    succeeded({ count }: Attempt): void {
      const before = counts.get(count)
      if (before) counts.set(count, { ...before, row: 0 })
    },
  }
}

function oneMore(before: Failures | undefined, now: number, windowMs: number): Failures {
  const within = before !== undefined && now < before.windowBegan + windowMs
  return {
    row: (before?.row ?? 0) + 1,
    last: now,
    inWindow: within ? before.inWindow + 1 : 1,
    windowBegan: within ? before.windowBegan : now,
  }
}
