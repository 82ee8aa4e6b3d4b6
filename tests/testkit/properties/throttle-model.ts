const MINUTE = 60_000
const HOUR = 60 * MINUTE
const YEAR = 365 * 24 * HOUR

/** A login attempt. */
export interface Attempt {
  address: string
  /** Anonymous clients share one bucket per username; a verified address or session has its own. */
  bucket: string
}

interface Failures {
  consecutive: number
  lastAt: number
  inWindow: number
  windowStart: number
}

/**
 * A minimal model of the locks in docs/authentication.md: five consecutive failures lock for a minute, each further one
 * for twice as long, up to an hour; 100 failures lock for the rest of the year; 20 failures from one address lock it
 * for the rest of ten minutes.
 */
export function createThrottleModel() {
  const buckets = new Map<string, Failures>()
  const addresses = new Map<string, Failures>()

  return {
    /** When the locks of the bucket and of the address end. A time in the past means unlocked. */
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
