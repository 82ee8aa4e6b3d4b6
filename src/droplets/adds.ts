import { ApiError } from '../errors.ts'
import { describeError, type Log } from '../log.ts'
import type { Handle } from '../operations/running.ts'
import type { UnfinishedAdd, UnfinishedAdds } from '../store/unfinished-adds.ts'
import { type DropletEngine, NameTakenError, PortTakenError } from './engine.ts'
import type { DropletKeys } from './keys.ts'
import type { LiveDroplets } from './live.ts'
import { candidateNumbers, nameOf, numberOf, portsOf } from './naming.ts'
import type { Queue } from './queue.ts'

/** All adds of a host go through one line. */
const ADDS = 'add'

/** A request to create may still be under way inside the engine when its sender was killed: look again for that long. */
const ENGINE_MAY_STILL_CREATE_MS = 30_000
const TIDY_EVERY_MS = 1_000

export interface AddDeps {
  engine: DropletEngine
  live: Pick<LiveDroplets, 'look'>
  keys: DropletKeys
  unfinished: UnfinishedAdds
  prefix: string
  domain: string
  now: () => number
  log: Log
}

export type Adds = ReturnType<typeof createAdds>

/** Making droplets. What an add leaves undone is undone: at once, or at the next start. */
export function createAdds(deps: AddDeps, queue: Queue) {
  const { engine, live, keys, unfinished, prefix, domain, now, log } = deps
  /** Adds that this process is still at; every other entry of the journal was left behind by one that crashed. */
  const running = new Set<string>()
  /** When the engine did not answer for these adds. */
  const lostAt = new Map<string, number>()
  const closing = new AbortController()
  let tidying: Promise<void> | undefined

  return {
    /**
     * Makes and starts the next droplet.
     * @param sshKeys lines of `authorized_keys` to lay in beside the droplet's own
     * @throws ApiError 919 when every number or its ports are taken, 923 and 924 as `DropletEngine.prepare`
     */
    add: (handle: Handle, sshKeys: string[]): Promise<void> =>
      queue.run(ADDS, async () => {
        handle.begin()
        await add(handle, sshKeys)
      }),

    /** Undoes, in the background and until it is done, the adds that an earlier process left unfinished. */
    tidyUp,

    /**
     * Undoes what an add of an earlier process left behind.
     * @returns the name that the droplet had, if there was anything
     * @throws ApiError 918 when this program ends before it is done
     */
    async undoLeftBy(operation: string): Promise<string | undefined> {
      const own = () => leftovers().find(({ mark }) => isMarkOf(operation, mark))
      const name = own()?.name
      if (name === undefined) return undefined
      tidyUp()
      await tidying
      if (own()) throw new ApiError('engineUnavailable')
      return name
    },

    /** Ends the tidying up; what is left of it is done at the next start. */
    async close(): Promise<void> {
      closing.abort()
      await tidying
    },
  }

  async function add(handle: Handle, sshKeys: string[]): Promise<void> {
    handle.step('image')
    await undoLeftovers()
    await engine.prepare(progress => {
      handle.progress(progress)
      log.info('image', { line: progress.text })
    }, handle.cancelled)
    const inUse = (await engine.list()).flatMap(droplet => numberOf(droplet.name, prefix) ?? [])
    for (const number of candidateNumbers(new Set(inUse))) {
      try {
        // In the line of the name, too: who deletes the last one that had it may not be done with its keys.
        await queue.run(nameOf(number, prefix), () => addAs(number, handle, sshKeys))
        return
      } catch (error) {
        if (!(error instanceof NameTakenError || error instanceof PortTakenError)) throw error
        log.warn('droplet number skipped', { droplet: nameOf(number, prefix), reason: error.message })
      }
    }
    throw new ApiError('noFreeNumber')
  }

  async function addAs(number: number, handle: Handle, sshKeys: string[]): Promise<void> {
    const name = nameOf(number, prefix)
    const entry = { mark: markOf(handle.id, number), name, startedAt: now() }
    handle.cancelled.throwIfAborted()
    handle.concern(name)
    running.add(entry.mark)
    try {
      await unfinished.begin(entry)
      handle.step('create')
      const pair = keys.generate(name)
      const id = await engine.create({
        name,
        hostname: `${name}.${domain}`,
        ports: portsOf(number),
        authorizedKeys: pair.publicLine + sshKeys.map(line => `${line}\n`).join(''),
        mark: entry.mark,
        createdBy: handle.user,
      })
      // Only now is the name ours, and with it the folder of its keys.
      keys.save(name, pair)
      handle.cancelled.throwIfAborted()
      handle.step('start')
      await engine.start(id)
      // So that the answer tells of it. When the engine is not there for that, the list says so itself.
      await live.look(id).catch(() => undefined)
      await handle.succeed(() => unfinished.remove(entry.mark))
      log.info('droplet added', { droplet: name, id: id.slice(0, 12) })
    } catch (error) {
      handle.step('undo')
      // An engine that answered is done with this droplet; one that did not may still create it.
      const answered = !(error instanceof ApiError && error.kind === 'engineUnavailable')
      const undone = await undo(entry, answered ? 0 : now()).catch(undoError => {
        log.error('add not undone yet', { droplet: name, error: describeError(undoError) })
        return false
      })
      if (undone) handle.endStep()
      throw error
    } finally {
      running.delete(entry.mark)
      if (leftovers().length > 0) tidyUp()
    }
  }

  async function undoLeftovers(): Promise<void> {
    for (const entry of leftovers()) await undo(entry, lostAt.get(entry.mark) ?? entry.startedAt)
  }

  /**
   * @param askedAt when the engine was last asked for this droplet without an answer, 0 for an engine that answered
   * @returns whether nothing is left of it for good
   */
  async function undo(entry: UnfinishedAdd, askedAt: number): Promise<boolean> {
    if (askedAt > 0) lostAt.set(entry.mark, askedAt)
    const removed = await engine.removeMarked(entry.mark, askedAt === 0)
    // A droplet that got the name in another way keeps the keys that lie there.
    const others = await engine.list()
    if (!others.some(droplet => droplet.name === entry.name)) keys.remove(entry.name)
    const waited = now() - askedAt
    if (!removed && waited >= 0 && waited < ENGINE_MAY_STILL_CREATE_MS) return false
    await unfinished.end(entry.mark)
    lostAt.delete(entry.mark)
    log.warn('unfinished add undone', { droplet: entry.name })
    return true
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
}

/** By which a droplet is found again, and the operation that made it. An add may try several numbers. */
function markOf(operation: string, number: number): string {
  return `${operation}.${number}`
}

function isMarkOf(operation: string, mark: string): boolean {
  return mark.startsWith(`${operation}.`)
}
