const MINUTE = 60_000
const HOUR = 60 * MINUTE
const YEAR = 365 * 24 * HOUR

/** Who tries to log in as somebody: from where, and in which of the counts of that name this falls. */
export interface Attempt {
  address: string
  /** Strangers share one count for a name; an address or a session that was proved has one of its own. */
  bucket: string
}

interface Failures {
  consecutive: number
  lastAt: number
  inWindow: number
  windowStart: number
}

/**
 * The limits of docs/authentication.md, "Locks", in the fewest words: five failures in a row lock for a minute and each further one
 * for twice as long, up to an hour; 100 within a year until it is over; 20 within ten minutes from one address.
 */
export function createThrottleModel() {
  const buckets = new Map<string, Failures>()
  const addresses = new Map<string, Failures>()

  return {
    /** When the count of the name and that of the address let this attempt through: not in the future means now. */
    opensAt({ address, bucket }: Attempt): { bucket: number; address: number } {
      const [bucketFailures, addressFailures] = [buckets.get(bucket), addresses.get(address)]
      const lockMs =
        bucketFailures && bucketFailures.consecutive >= 5
          ? Math.min(MINUTE * 2 ** (bucketFailures.consecutive - 5), HOUR)
          : 0
      const lockEnds = bucketFailures ? bucketFailures.lastAt + lockMs : 0
      const yearEnds = bucketFailures && bucketFailures.inWindow >= 100 ? bucketFailures.windowStart + YEAR : 0
      return {
        bucket: Math.max(lockEnds, yearEnds),
        address: addressFailures && addressFailures.inWindow >= 20 ? addressFailures.windowStart + 10 * MINUTE : 0,
      }
    },

    recordFailure({ address, bucket }: Attempt, now: number): void {
      buckets.set(bucket, addFailure(buckets.get(bucket), now, YEAR))
      addresses.set(address, addFailure(addresses.get(address), now, 10 * MINUTE))
    },

    recordSuccess({ bucket }: Attempt): void {
      const previous = buckets.get(bucket)
      if (previous) buckets.set(bucket, { ...previous, consecutive: 0 })
    },
  }
}

function addFailure(previous: Failures | undefined, now: number, windowMs: number): Failures {
  const isInWindow = previous !== undefined && now < previous.windowStart + windowMs
  return {
    consecutive: (previous?.consecutive ?? 0) + 1,
    lastAt: now,
    inWindow: isInWindow ? previous.inWindow + 1 : 1,
    windowStart: isInWindow ? previous.windowStart : now,
  }
}
