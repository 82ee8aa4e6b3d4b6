import { ApiError } from '../core/errors.ts'
import { describeError, type Log } from '../core/log.ts'
import type { ProvisioningEntry, ProvisioningJournal } from '../store/provisioning-journal.ts'
import { type DropletEngine, NameTakenError, PortTakenError } from './engine.ts'
import type { DropletInformer } from './informer.ts'
import type { DropletKeys } from './keys.ts'
import { candidateNumbers, nameOf, numberOf, portsOf } from './naming.ts'
import type { OperationContext } from './operations/runner.ts'
import type { Queue } from './queue.ts'

/** All adds of a host go through one line. */
const ADD_QUEUE_KEY = 'add'

/** A request to create may still be under way inside the engine when its sender was killed: look again for that long. */
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

export type Provisioner = ReturnType<typeof createProvisioner>

/** Making droplets. What an add leaves undone is undone: at once, or at the next start. */
export function createProvisioner(deps: ProvisionerDeps, queue: Queue) {
  const { engine, informer, keys, journal, prefix, domain, now, log } = deps
  /** Adds that this process is still at; every other entry of the journal was left behind by one that crashed. */
  const inProgress = new Set<string>()
  /** When the engine did not answer for these adds. */
  const unansweredAtByMark = new Map<string, number>()
  const closing = new AbortController()
  let reconciling: Promise<void> | undefined

  return {
    /**
     * Makes and starts the next droplet.
     * @param sshKeys lines of `authorized_keys` to lay in beside the droplet's own
     * @throws ApiError 919 when every number or its ports are taken, 923 and 924 as `DropletEngine.prepare`
     */
    add: (context: OperationContext, sshKeys: string[]): Promise<void> =>
      queue.run(ADD_QUEUE_KEY, async () => {
        context.start()
        await add(context, sshKeys)
      }),

    /** Undoes, in the background and until it is done, the adds that an earlier process left unfinished. */
    reconcile,

    /**
     * Undoes what an add of an earlier process left behind.
     * @returns the name that the droplet had, if there was anything
     * @throws ApiError 918 when this program ends before it is done
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

    /** Ends the tidying up; what is left of it is done at the next start. */
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
      log.info('image', { line: progress.text })
    }, context.signal)
    const inUse = (await engine.list()).flatMap(droplet => numberOf(droplet.name, prefix) ?? [])
    for (const number of candidateNumbers(new Set(inUse))) {
      try {
        // In the line of the name, too: who deletes the last one that had it may not be done with its keys.
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
    try {
      await journal.start(entry)
      context.startStep('create')
      const keyPair = keys.generate(name)
      const id = await engine.create({
        name,
        hostname: `${name}.${domain}`,
        ports: portsOf(number),
        authorizedKeys: keyPair.publicLine + sshKeys.map(line => `${line}\n`).join(''),
        mark: entry.mark,
        createdBy: context.user,
      })
      // Only now is the name ours, and with it the folder of its keys.
      keys.save(name, keyPair)
      context.signal.throwIfAborted()
      context.startStep('start')
      await engine.start(id)
      // So that the answer tells of it. When the engine is not there for that, the list says so itself.
      await informer.refresh(id).catch(() => undefined)
      await context.complete(() => journal.remove(entry.mark))
      log.info('droplet added', { droplet: name, id: id.slice(0, 12) })
    } catch (error) {
      context.startStep('undo')
      // An engine that answered is done with this droplet; one that did not may still create it.
      const engineAnswered = !(error instanceof ApiError && error.kind === 'engineUnavailable')
      const isRolledBack = await rollBack(entry, engineAnswered ? 0 : now()).catch(rollbackError => {
        log.error('add not undone yet', { droplet: name, error: describeError(rollbackError) })
        return false
      })
      if (isRolledBack) context.endStep()
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
   * @param unansweredAt when the engine was last asked for this droplet without an answer, 0 for an engine that answered
   * @returns whether nothing is left of it for good
   */
  async function rollBack(entry: ProvisioningEntry, unansweredAt: number): Promise<boolean> {
    if (unansweredAt > 0) unansweredAtByMark.set(entry.mark, unansweredAt)
    const removed = await engine.removeMarked(entry.mark, unansweredAt === 0)
    // A droplet that got the name in another way keeps the keys that lie there.
    const droplets = await engine.list()
    if (!droplets.some(droplet => droplet.name === entry.name)) keys.remove(entry.name)
    const elapsed = now() - unansweredAt
    if (!removed && elapsed >= 0 && elapsed < LATE_CREATE_WINDOW_MS) return false
    await journal.finish(entry.mark)
    unansweredAtByMark.delete(entry.mark)
    log.warn('unfinished add undone', { droplet: entry.name })
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
        // Told once: an engine may be away for days.
        if (!hasLogged) log.warn('unfinished adds not undone yet, trying on', { error: describeError(error) })
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

/** By which a droplet is found again, and the operation that made it. An add may try several numbers. */
function markOf(operationId: string, number: number): string {
  return `${operationId}.${number}`
}

function isMarkOf(operationId: string, mark: string): boolean {
  return mark.startsWith(`${operationId}.`)
}
