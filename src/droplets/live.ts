import { ApiError } from '../errors.ts'
import { describeError, type Log } from '../log.ts'
import type { Droplet, DropletEngine } from './engine.ts'

/** What was not heard of for so long is asked before it is believed. */
const BELIEVED_MS = 1_000
/** So often the engine is asked whether it is there, so that nobody has to wait for that. */
const PING_EVERY_MS = 400
const RECONNECT_AFTER_MS = 500
/** Who asks is answered within 3 seconds, even when it takes an engine longer than that to be reached. */
const ANSWER_WITHIN_MS = 2_500
/** A check: nothing should be found that no event told of. */
const REREAD_EVERY_MS = 180_000

export type LiveDroplets = ReturnType<typeof createLiveDroplets>

/** What is known of the droplets since the engine was reached last. */
interface Connection {
  /** Newest first; the same list as long as nothing changes. */
  list(): readonly Droplet[]
  /** Whether the engine was heard of just now. */
  isFresh(): boolean
  /** Resolves when it is so. */
  verify(): Promise<void>
  look(id: string): Promise<void>
  end(): void
}

/**
 * The droplets of the host as they are now, in memory: read once, and again whatever the engine tells of. While it is
 * away nothing is shown, and what was missed meanwhile is read when it is back.
 * @param monotonic milliseconds since some moment
 */
export function createLiveDroplets(deps: { engine: DropletEngine; monotonic: () => number; log: Log }) {
  const { engine, monotonic, log } = deps
  const closing = new AbortController()
  let connection: Promise<Connection> | undefined
  /** The last one that was there: whether it still is, it says itself. */
  let present: Connection | undefined
  let isAway = false
  let timer: ReturnType<typeof setTimeout> | undefined

  return {
    /**
     * Newest first.
     * @throws ApiError 918 while the engine is away
     */
    async list(): Promise<readonly Droplet[]> {
      return present?.isFresh() ? present.list() : await inTime(verifiedList())
    },

    /** Looks at a droplet at once, when it was changed by ourselves: the event may come later than the answer. */
    async look(id: string): Promise<void> {
      await (await connected()).look(id)
    },

    /** Reaches for the engine, and again whenever it is away. */
    start: (): void => void connected().catch(() => undefined),

    async close(): Promise<void> {
      closing.abort()
      clearTimeout(timer)
      const last = await connection?.catch(() => undefined)
      last?.end()
    },
  }

  async function verifiedList(): Promise<readonly Droplet[]> {
    const { list, verify } = await connected()
    await verify()
    return list()
  }

  function connected(): Promise<Connection> {
    connection ??= connect().then(
      made => {
        present = made
        return made
      },
      error => {
        lose(error)
        throw error
      },
    )
    return connection
  }

  function lose(error: unknown): void {
    connection = undefined
    if (closing.signal.aborted) return
    // Told once: an engine may be away for days.
    if (!isAway) log.warn('the engine is away', { error: describeError(error) })
    isAway = true
    reconnectLater()
  }

  function reconnectLater(): void {
    if (closing.signal.aborted) return
    clearTimeout(timer)
    timer = setTimeout(() => connected().catch(() => undefined), RECONNECT_AFTER_MS)
    timer.unref()
  }

  async function connect(): Promise<Connection> {
    const session = new AbortController()
    const signal = AbortSignal.any([session.signal, closing.signal])
    const droplets = new Map<string, Droplet>()
    /** By the id of a droplet, the newest look that was taken: answers may come in another order than they were asked. */
    const looks = new Map<string, number>()
    let looked = 0
    let heardAt = monotonic()
    let pinging: Promise<void> | undefined
    let sorted: readonly Droplet[] | undefined
    const isFresh = () => !session.signal.aborted && monotonic() - heardAt < BELIEVED_MS

    const look = async (id: string): Promise<void> => {
      looked += 1
      const ticket = looked
      const droplet = await engine.inspect(id)
      heardAt = monotonic()
      if ((looks.get(id) ?? 0) > ticket) return
      looks.set(id, ticket)
      sorted = undefined
      if (droplet) droplets.set(id, droplet)
      else droplets.delete(id)
    }

    const readAll = async (): Promise<void> => {
      const ids = new Set((await engine.list()).map(({ id }) => id))
      await Promise.all([...ids, ...[...droplets.keys()].filter(id => !ids.has(id))].map(look))
    }

    const ping = (): Promise<void> => {
      pinging ??= engine
        .ping()
        .then(() => {
          heardAt = monotonic()
        })
        .finally(() => {
          pinging = undefined
        })
      return pinging
    }

    // Heard from before the first reading on: what happens in between is looked at once more.
    const events = await engine.events(signal)
    /** Rejects with the first that goes wrong. */
    const broken = Promise.withResolvers<never>()
    const fail = broken.reject
    const listen = async () => {
      for await (const id of events) {
        heardAt = monotonic()
        look(id).catch(fail)
      }
      throw new ApiError('engineUnavailable', { cause: new Error('The engine ended its stream of events') })
    }
    listen().catch(fail)
    try {
      // Pinged at once, too: it is not back before it answers all that it is asked from now on, and its stream lasts.
      await Promise.race([Promise.all([readAll(), ping()]), broken.promise])
      signal.throwIfAborted()
    } catch (error) {
      session.abort()
      throw error
    }
    broken.promise.catch(error => {
      session.abort()
      lose(error)
    })
    const failing = async (work: Promise<void>) => {
      try {
        await work
      } catch (error) {
        fail(error)
        throw error
      }
    }
    const timers = [
      setInterval(() => ping().catch(fail), PING_EVERY_MS),
      setInterval(() => readAll().catch(fail), REREAD_EVERY_MS),
    ]
    for (const interval of timers) interval.unref()
    signal.addEventListener('abort', () => timers.forEach(clearInterval), { once: true })
    if (isAway) log.info('the engine is back', { droplets: droplets.size })
    isAway = false

    return {
      list() {
        // Of two that were made at the same moment, the one that was seen last is the newer one.
        sorted ??= [...droplets.values()].reverse().sort((left, right) => right.createdAt - left.createdAt)
        return sorted
      },
      isFresh,
      look: id => failing(look(id)),
      async verify() {
        if (!isFresh()) await failing(ping())
        if (session.signal.aborted) throw new ApiError('engineUnavailable')
      },
      end: () => session.abort(),
    }
  }
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new ApiError('engineUnavailable')), ANSWER_WITHIN_MS)
  try {
    return await Promise.race([work, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
