import { ApiError } from '../errors.ts'
import { describeError, type Log } from '../log.ts'
import type { Droplet, DropletEngine, DropletEvent, ListedDroplet } from './engine.ts'
import { createKnownDroplets, type DropletChange, type Facts } from './known.ts'

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

/** What a watcher is told: of a droplet, or of the engine that tells of all of them. */
export type LiveChange = DropletChange | { change: 'away' } | { change: 'back' }

/** The engine, since it was reached last. */
interface Connection {
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
  const known = createKnownDroplets()
  const watchers = new Set<(change: LiveChange) => void>()
  let connection: Promise<Connection> | undefined
  /** The last one that was there: whether it still is, it says itself. */
  let present: Connection | undefined
  let isAway = false
  let timer: ReturnType<typeof setTimeout> | undefined

  return {
    /**
     * Newest first; the same list as long as nothing changes.
     * @throws ApiError 918 while the engine is away
     */
    async list(): Promise<readonly ListedDroplet[]> {
      return listNow() ?? (await inTime(verifiedList()))
    },

    /** The same without waiting; undefined when the engine has to be asked first. */
    listNow,

    /**
     * Tells what changes from now on, as soon as it is known here, and nothing of a look that found all as it was.
     * When the engine is `back`, what was missed is told after that. What the first reading of all finds is no change.
     * @returns ends it
     */
    watch(listener: (change: LiveChange) => void): () => void {
      // Of its own, so that one listener can watch twice.
      const watcher = (change: LiveChange) => listener(change)
      watchers.add(watcher)
      return () => void watchers.delete(watcher)
    },

    /**
     * What was found within a droplet that was started at that moment. If it was stopped or started anew since, or
     * is gone, that is no news of it.
     */
    note(id: string, startedAt: number | undefined, facts: Facts): void {
      tell(known.note(id, startedAt, facts))
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

  function listNow(): readonly ListedDroplet[] | undefined {
    return present?.isFresh() ? known.list() : undefined
  }

  async function verifiedList(): Promise<readonly ListedDroplet[]> {
    const { verify } = await connected()
    await verify()
    return known.list()
  }

  function tell(changes: readonly LiveChange[]): void {
    for (const change of changes) {
      for (const watcher of watchers) {
        try {
          watcher(change)
        } catch (error) {
          // What is known is right all the same, and the others are told.
          log.error('a watcher of the droplets failed', { error: describeError(error) })
        }
      }
    }
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
    if (!isAway) {
      log.warn('the engine is away', { error: describeError(error) })
      isAway = true
      tell([{ change: 'away' }])
    }
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
    /** What is found until all of it is; undefined from then on. */
    let found: Map<string, Droplet> | undefined = new Map()
    /** By the id of a droplet, the newest look that was taken: answers may come in another order than they were asked. */
    const looks = new Map<string, number>()
    let looked = 0
    let heardAt = monotonic()
    let pinging: Promise<void> | undefined
    const isFresh = () => !session.signal.aborted && monotonic() - heardAt < BELIEVED_MS

    const look = async (id: string): Promise<void> => {
      looked += 1
      const ticket = looked
      const droplet = await engine.inspect(id)
      heardAt = monotonic()
      if ((looks.get(id) ?? 0) > ticket) return
      looks.set(id, ticket)
      if (signal.aborted) return
      if (!found) tell(known.put(id, droplet))
      else if (droplet) found.set(id, droplet)
      else found.delete(id)
    }

    /**
     * What an event says itself counts before the look that it gives rise to: that takes a moment, and an engine may answer for
     * a droplet that has stopped only when all that it had is taken down, a fifth of a second later.
     */
    const believe = ({ id, stopped, check }: DropletEvent): void => {
      // While all are read nothing stands in for the look that is taken then: without it the droplet would be missing.
      if (found || !(stopped || check)) return
      looked += 1
      looks.set(id, looked)
      tell(stopped ? known.stop(id, stopped) : known.check(id, check))
    }

    const readAll = async (): Promise<void> => {
      const ids = new Set((await engine.list()).map(({ id }) => id))
      await Promise.all([...ids, ...[...(found?.keys() ?? known.ids())].filter(id => !ids.has(id))].map(look))
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
      for await (const event of events) {
        heardAt = monotonic()
        believe(event)
        look(event.id).catch(fail)
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
    const changes: LiveChange[] = known.replace([...found.values()])
    found = undefined
    if (isAway) {
      log.info('the engine is back', { droplets: known.ids().length })
      isAway = false
      changes.unshift({ change: 'back' })
    }
    tell(changes)

    return {
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
