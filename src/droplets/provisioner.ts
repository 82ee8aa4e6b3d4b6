import { ApiError } from '../core/errors.ts'
import { describeError, type Log } from '../core/log.ts'
import type { ProvisioningEntry, ProvisioningJournal } from '../store/provisioning-journal.ts'
import { type DropletEngine, NameTakenError, PortTakenError } from './engine.ts'
import type { DropletInformer } from './informer.ts'
import type { DropletKeys } from './keys.ts'
import { candidateNumbers, nameOf, numberOf, portsOf } from './naming.ts'
import type { OperationContext } from './operations/runner.ts'
import type { Queue } from './queue.ts'

/** All adds of a host run one after another. */
const ADD_QUEUE_KEY = 'add'

/** An engine may complete a creation after its client was killed, so orphans are searched for this long. */
const LATE_CREATE_WINDOW_MS = 30_000
const RECONCILE_INTERVAL_MS = 1_000

export interface ProvisionerDeps {
  engine: DropletEngine
  informer: Pick<DropletInformer, 'refresh'>
  keys: DropletKeys
  journal: ProvisioningJournal
  prefix: string
  domain: string
  now: () => number
  log: Log
}

/** Creates droplets, and rolls failed or interrupted adds back: at once, or at the next start. */
export function createProvisioner(deps: ProvisionerDeps, queue: Queue) {
  const { engine, informer, keys, journal, prefix, domain, now, log } = deps
  /** Marks of this process's running adds. Every other journal entry is an orphan of a crash. */
  const inProgress = new Set<string>()
  /** Time of a creation under this mark that got no response. */
  const unansweredAtByMark = new Map<string, number>()
  const closing = new AbortController()
  let reconciling: Promise<void> | undefined

  return {
    /**
     * Creates and starts the next droplet.
     * @param sshKeys lines of `authorized_keys` to install beside the droplet's own
     * @throws ApiError 919 when every number or its ports are taken, 923 and 924 as `DropletEngine.prepare`
     */
    add: (context: OperationContext, sshKeys: string[]): Promise<void> =>
      queue.run(ADD_QUEUE_KEY, async () => {
        context.start()
        await add(context, sshKeys)
      }),

    /** Rolls back orphans in the background, retrying until none is left. */
    reconcile,

    /**
     * Rolls back the orphan of this operation.
     * @returns the droplet's name, if there was one
     * @throws ApiError 918 when this process stops first
     */
    async rollBackOperation(operationId: string): Promise<string | undefined> {
      const findOrphan = () => orphans().find(({ mark }) => isMarkOf(operationId, mark))
      const name = findOrphan()?.name
      if (name === undefined) return undefined
      reconcile()
      await reconciling
      if (findOrphan()) throw new ApiError('engineUnavailable')
      return name
    },

    /** Stops reconciling; the next start continues it. */
    async close(): Promise<void> {
      closing.abort()
      await reconciling
    },
  }

  async function add(context: OperationContext, sshKeys: string[]): Promise<void> {
    context.startStep('image')
    await rollBackOrphans()
    await engine.prepare(progress => {
      context.reportProgress(progress)
      log.info('preparing the image', { line: progress.text })
    }, context.signal)
    const inUse = (await engine.list()).flatMap(droplet => numberOf(droplet.name, prefix) ?? [])
    for (const number of candidateNumbers(new Set(inUse))) {
      try {
        // Queued by name as well: a deletion of the previous droplet of that name may still be removing its keys.
        await queue.run(nameOf(number, prefix), () => addWithNumber(number, context, sshKeys))
        return
      } catch (error) {
        if (!(error instanceof NameTakenError || error instanceof PortTakenError)) throw error
        log.warn('droplet number skipped', { droplet: nameOf(number, prefix), reason: error.message })
      }
    }
    throw new ApiError('noFreeNumber')
  }

  async function addWithNumber(number: number, context: OperationContext, sshKeys: string[]): Promise<void> {
    const name = nameOf(number, prefix)
    const entry = { mark: markOf(context.id, number), name, startedAt: now() }
    context.signal.throwIfAborted()
    context.setDroplet(name)
    inProgress.add(entry.mark)
    let id: string | undefined
    try {
      await journal.start(entry)
      context.startStep('create')
      const keyPair = keys.generate(name)
      id = await engine.create({
        name,
        hostname: `${name}.${domain}`,
        ports: portsOf(number),
        authorizedKeys: keyPair.publicLine + sshKeys.map(line => `${line}\n`).join(''),
        mark: entry.mark,
        createdBy: context.user,
      })
      // The name is reserved once create succeeds, so the key folder can be replaced.
      keys.save(name, keyPair)
      context.signal.throwIfAborted()
      context.startStep('start')
      await engine.start(id)
      // So that the response includes it. If the engine is away, the list reports that.
      await informer.refresh(id).catch(() => undefined)
      await context.complete(() => journal.remove(entry.mark))
      log.info('droplet added', { droplet: name, id: id.slice(0, 12) })
    } catch (error) {
      context.startStep('undo')
      // After a response the creation is over; without one it may still complete.
      const engineAnswered = !(error instanceof ApiError && error.kind === 'engineUnavailable')
      const isRolledBack = await rollBack(entry, engineAnswered ? 0 : now()).catch(rollbackError => {
        log.error('add not rolled back yet, retrying', { droplet: name, error: describeError(rollbackError) })
        return false
      })
      if (isRolledBack) {
        context.endStep()
        // So that no list after the response includes it.
        if (id !== undefined) await informer.refresh(id).catch(() => undefined)
      }
      throw error
    } finally {
      inProgress.delete(entry.mark)
      if (orphans().length > 0) reconcile()
    }
  }

  async function rollBackOrphans(): Promise<void> {
    for (const entry of orphans()) await rollBack(entry, unansweredAtByMark.get(entry.mark) ?? entry.startedAt)
  }

  /**
   * @param unansweredAt when the creation was requested without a response; 0 if the engine responded
   * @returns whether nothing is left, and nothing can appear later
   */
  async function rollBack(entry: ProvisioningEntry, unansweredAt: number): Promise<boolean> {
    if (unansweredAt > 0) unansweredAtByMark.set(entry.mark, unansweredAt)
    const removed = await engine.removeMarked(entry.mark, unansweredAt === 0)
    // A droplet that has taken the name since keeps its keys.
    const droplets = await engine.list()
    if (!droplets.some(droplet => droplet.name === entry.name)) keys.remove(entry.name)
    const elapsed = now() - unansweredAt
    if (!removed && elapsed >= 0 && elapsed < LATE_CREATE_WINDOW_MS) return false
    await journal.finish(entry.mark)
    unansweredAtByMark.delete(entry.mark)
    log.warn('unfinished add rolled back', { droplet: entry.name })
    return true
  }

  function orphans(): ProvisioningEntry[] {
    return journal.list().filter(({ mark }) => !inProgress.has(mark))
  }

  function reconcile(): void {
    reconciling ??= reconcileUntilDone().finally(() => {
      reconciling = undefined
    })
  }

  async function reconcileUntilDone(): Promise<void> {
    let hasLogged = false
    while (!closing.signal.aborted && orphans().length > 0) {
      await queue.run(ADD_QUEUE_KEY, rollBackOrphans).catch(error => {
        // Logged once: an engine may be away for days.
        if (!hasLogged) log.warn('unfinished adds not rolled back yet, retrying', { error: describeError(error) })
        hasLogged = true
      })
      if (orphans().length > 0) await sleepUnlessClosing()
    }
  }

  function sleepUnlessClosing(): Promise<void> {
    return new Promise(resolve => {
      if (closing.signal.aborted) return resolve()
      const timer = setTimeout(resolve, RECONCILE_INTERVAL_MS)
      const wake = () => {
        clearTimeout(timer)
        resolve()
      }
      closing.signal.addEventListener('abort', wake, { once: true })
    })
  }
}

/** Identifies a droplet and the operation that created it. An add may try several numbers. */
function markOf(operationId: string, number: number): string {
  return `${operationId}.${number}`
}

function isMarkOf(operationId: string, mark: string): boolean {
  return mark.startsWith(`${operationId}.`)
}
