import type { Act, Audit } from '../audit/service.ts'
import { ApiError } from '../errors.ts'
import { describeError, type Log } from '../log.ts'
import type { UnfinishedAdd, UnfinishedAdds } from '../store/unfinished-adds.ts'
import { type Droplet, type DropletEngine, type DropletRef, NameTakenError, PortTakenError } from './engine.ts'
import type { DropletKeys } from './keys.ts'
import type { LiveDroplets } from './live.ts'
import { candidateNumbers, nameOf, numberOf, portsOf } from './naming.ts'
import { createQueue } from './queue.ts'

export type DropletService = ReturnType<typeof createDropletService>

/** All adds of a host go through one line; a droplet's own changes through the line of its name. */
const ADDS = 'add'

/** A request to create may still be under way inside the engine when its sender was killed: look again for that long. */
const ENGINE_MAY_STILL_CREATE_MS = 30_000
const TIDY_EVERY_MS = 1_000

/**
 * The life of droplets. Changes run to their end even if their caller went away, and what an add leaves undone is
 * undone: at once, or at the next start.
 */
export function createDropletService(deps: {
  engine: DropletEngine
  live: Pick<LiveDroplets, 'list' | 'look'>
  keys: DropletKeys
  unfinished: UnfinishedAdds
  audit: Pick<Audit, 'during'>
  prefix: string
  domain: string
  now: () => number
  log: Log
}) {
  const { engine, live, keys, unfinished, audit, prefix, domain, now, log } = deps
  const queue = createQueue()
  /** Adds that this process is still at; every other entry of the journal was left behind by one that crashed. */
  const running = new Set<string>()
  /** When the engine did not answer for these adds. */
  const lostAt = new Map<string, number>()
  const closing = new AbortController()
  let tidying: Promise<void> | undefined

  return {
    /** Newest first. */
    list: (): Promise<readonly Droplet[]> => live.list(),

    /**
     * Makes and starts the next droplet.
     * @param sshKeys lines of `authorized_keys` to lay in beside the droplet's own
     * @throws ApiError 919 when every number or its ports are taken, 923 and 924 as `DropletEngine.prepare`
     */
    add: (act: Act, sshKeys: string[] = []): Promise<void> =>
      queue.run(ADDS, () => audit.during(act, '', concern => add(sshKeys, concern))),

    /** @throws ApiError 900 for a name that is no droplet here, as do all below */
    start: (act: Act, name: string) => change(act, name, droplet => engine.start(droplet.id)),

    stop: (act: Act, name: string) => change(act, name, droplet => engine.stop(droplet.id)),

    restart: (act: Act, name: string) =>
      change(act, name, async droplet => {
        await engine.stop(droplet.id)
        await engine.start(droplet.id)
      }),

    remove: (act: Act, name: string) =>
      change(act, name, async droplet => {
        await engine.stop(droplet.id)
        await engine.remove(droplet.id)
        keys.remove(name)
      }),

    /** Undoes, in the background and until it is done, the adds that an earlier process left unfinished. */
    tidyUp,

    /** Resolves when no change is under way any more. */
    idle: (): Promise<void> => queue.idle(),

    /** Ends the tidying up; what is left of it is done at the next start. */
    async close(): Promise<void> {
      closing.abort()
      await tidying
    },
  }

  async function add(sshKeys: string[], concern: (name: string) => void): Promise<void> {
    await undoLeftovers()
    await engine.prepare()
    const inUse = (await engine.list()).flatMap(droplet => numberOf(droplet.name, prefix) ?? [])
    for (const number of candidateNumbers(new Set(inUse))) {
      try {
        concern(nameOf(number, prefix))
        await addAs(number, sshKeys)
        return
      } catch (error) {
        if (!(error instanceof NameTakenError || error instanceof PortTakenError)) throw error
        log.warn('droplet number skipped', { droplet: nameOf(number, prefix), reason: error.message })
      }
    }
    throw new ApiError('noFreeNumber')
  }

  async function addAs(number: number, sshKeys: string[]): Promise<void> {
    const name = nameOf(number, prefix)
    const entry = { mark: crypto.randomUUID(), name, startedAt: now() }
    running.add(entry.mark)
    try {
      await unfinished.begin(entry)
      const pair = keys.generate(name)
      const id = await engine.create({
        name,
        hostname: `${name}.${domain}`,
        ports: portsOf(number),
        authorizedKeys: pair.publicLine + sshKeys.map(line => `${line}\n`).join(''),
        mark: entry.mark,
      })
      // Only now is the name ours, and with it the folder of its keys.
      keys.save(name, pair)
      await engine.start(id)
      await unfinished.end(entry.mark)
      await show(id)
      log.info('droplet added', { droplet: name, id: id.slice(0, 12) })
    } catch (error) {
      // An engine that answered is done with this droplet; one that did not may still create it.
      const answered = !(error instanceof ApiError && error.kind === 'engineUnavailable')
      await undo(entry, answered ? 0 : now()).catch(undoError => {
        log.error('add not undone yet', { droplet: name, error: describeError(undoError) })
      })
      throw error
    } finally {
      running.delete(entry.mark)
      if (leftovers().length > 0) tidyUp()
    }
  }

  /** So that the answer to a change tells of it. When the engine is not there for that, the list says so itself. */
  async function show(id: string): Promise<void> {
    await live.look(id).catch(() => undefined)
  }

  async function undoLeftovers(): Promise<void> {
    for (const entry of leftovers()) await undo(entry, lostAt.get(entry.mark) ?? entry.startedAt)
  }

  /** @param askedAt when the engine was last asked for this droplet without an answer, 0 for an engine that answered */
  async function undo(entry: UnfinishedAdd, askedAt: number): Promise<void> {
    if (askedAt > 0) lostAt.set(entry.mark, askedAt)
    const removed = await engine.removeMarked(entry.mark, askedAt === 0)
    // A droplet that got the name in another way keeps the keys that lie there.
    const others = await engine.list()
    if (!others.some(droplet => droplet.name === entry.name)) keys.remove(entry.name)
    const waited = now() - askedAt
    if (!removed && waited >= 0 && waited < ENGINE_MAY_STILL_CREATE_MS) return
    await unfinished.end(entry.mark)
    lostAt.delete(entry.mark)
    log.warn('unfinished add undone', { droplet: entry.name })
  }

  function leftovers(): UnfinishedAdd[] {
    return unfinished.list().filter(({ mark }) => !running.has(mark))
  }

  function tidyUp(): void {
    tidying ??= tidyUntilDone().finally(() => {
      tidying = undefined
    })
  }

  async function tidyUntilDone(): Promise<void> {
    let told = false
    while (!closing.signal.aborted && leftovers().length > 0) {
      await queue.run(ADDS, undoLeftovers).catch(error => {
        // Told once: an engine may be away for days.
        if (!told) log.warn('unfinished adds not undone yet, trying on', { error: describeError(error) })
        told = true
      })
      if (leftovers().length > 0) await sleepUnlessClosing()
    }
  }

  function sleepUnlessClosing(): Promise<void> {
    return new Promise(resolve => {
      if (closing.signal.aborted) return resolve()
      const timer = setTimeout(resolve, TIDY_EVERY_MS)
      const wake = () => {
        clearTimeout(timer)
        resolve()
      }
      closing.signal.addEventListener('abort', wake, { once: true })
    })
  }

  async function change(act: Act, name: string, work: (droplet: DropletRef) => Promise<void>): Promise<void> {
    // Decided before the engine hears a word: a name that cannot be a droplet's is asked of nobody.
    if (numberOf(name, prefix) === undefined) throw noSuchDroplet(name)
    await queue.run(name, async () => {
      const droplet = (await engine.list()).find(candidate => candidate.name === name)
      if (!droplet) throw noSuchDroplet(name)
      await audit.during(act, name, () => work(droplet))
      await show(droplet.id)
    })
  }
}

/** The words of the Docker daemon, which clients of the original system know. Only a harmless name is repeated. */
function noSuchDroplet(name: string): ApiError {
  const text = 'Error response from daemon: No such container'
  return new ApiError('engineRefused', { text: /^[A-Za-z0-9_.-]{1,64}$/.test(name) ? `${text}: ${name}` : text })
}
