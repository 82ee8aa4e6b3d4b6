import type { Actor } from '../core/actor.ts'
import { ApiError } from '../core/errors.ts'
import type { IdempotencyKey, Operation } from '../store/operations.ts'
import { DropletGoneError, type DropletRef, type ListedDroplet } from './engine.ts'
import type { DropletInformer } from './informer.ts'
import { numberOf } from './naming.ts'
import type { OperationContext, OperationView } from './operations/runner.ts'
import type { Operations } from './operations/service.ts'
import { createProvisioner, type ProvisionerDeps } from './provisioner.ts'
import { createQueue } from './queue.ts'

/** What was interrupted is finished at the next start when it was asked for so recently; nobody waits for an older one. */
const RESUMABLE_FOR_MS = 600_000

export type DropletService = ReturnType<typeof createDropletService>

export type DropletChangeRequest =
  /** @param sshKeys lines of `authorized_keys` to lay in beside the droplet's own */
  { kind: 'add'; sshKeys: string[] } | { kind: 'start' | 'stop' | 'restart' | 'delete'; droplet: string }

/** The life of droplets. Changes are operations: they run to their end even if their caller went away. */
export function createDropletService(
  deps: ProvisionerDeps & {
    informer: Pick<DropletInformer, 'list' | 'cachedList' | 'refresh'>
    operations: Operations
  },
) {
  const { engine, informer, keys, operations, prefix, now, log } = deps
  /** A droplet's own changes go through the line of its name. */
  const queue = createQueue()
  const provisioner = createProvisioner(deps, queue)

  return {
    /** Newest first. */
    list: informer.list,

    /** The same without waiting; undefined when the engine has to be asked first. */
    cachedList: informer.cachedList,

    /**
     * One of the list, by its name.
     * @throws ApiError 900 for a name that is no droplet here, 918
     */
    async find(name: string): Promise<ListedDroplet> {
      const droplet = (await informer.list()).find(candidate => candidate.name === name)
      if (!droplet) throw noSuchDroplet(name)
      return droplet
    },

    /**
     * The same, of one that something can be done in.
     * @throws ApiError 900 for one that does not run, too
     */
    async findRunning(name: string): Promise<ListedDroplet> {
      const droplet = await this.find(name)
      if (droplet.state === 'running') return droplet
      throw new ApiError('engineRefused', { text: `${droplet.name} does not run: start it first` })
    },

    /**
     * Begins a change, which is durable when this resolves; `operations.outcome` says what came of it.
     * @returns the earlier one for a claim that was made already
     * @throws ApiError 900 for a name that is no droplet here, 918, 922, 930 and 934; then nothing is begun
     */
    async change(actor: Actor, change: DropletChangeRequest, idempotencyKey?: IdempotencyKey): Promise<OperationView> {
      const existing = idempotencyKey && operations.findByIdempotencyKey(idempotencyKey)
      if (existing) return existing
      if (change.kind === 'add') {
        const work = (context: OperationContext) => provisioner.add(context, change.sshKeys)
        return await operations.start({ ...addOperation, actor, idempotencyKey, work })
      }
      const { kind, droplet: name } = change
      // Decided before the engine hears a word: a name that cannot be a droplet's is asked of nobody.
      if (numberOf(name, prefix) === undefined) throw noSuchDroplet(name)
      const droplet = await findAtEngine(name)
      const work = (context: OperationContext) => enqueueChange(context, kind, droplet)
      return await operations.start({
        kind,
        droplet: name,
        dropletId: droplet.id,
        actor,
        idempotencyKey,
        undoable: false,
        work,
      })
    },

    /**
     * Takes up what an earlier process was at when it ended: adds are undone, other changes finished when they are not
     * old. What cannot be done has failed.
     */
    async resume(): Promise<void> {
      for (const operation of operations.unfinished()) {
        // An add is undone only when the engine is there, which may take days.
        await operations.resume(operation.id, context => resumeOperation(context, operation), operation.kind === 'add')
      }
      provisioner.reconcile()
    },

    /** Resolves when no change is under way any more, but for the undoing of what an earlier process left. */
    async idle(): Promise<void> {
      await Promise.all([queue.idle(), operations.idle()])
    },

    /** Ends what goes on in the background; what is left of it is done at the next start. */
    close: (): Promise<void> => provisioner.close(),
  }

  /** One change of a droplet after another. */
  function enqueueChange(context: OperationContext, kind: Operation['kind'], droplet: DropletRef): Promise<void> {
    return queue.run(droplet.name, async () => {
      context.start()
      await applyChange(context, kind, droplet)
    })
  }

  async function applyChange(
    context: OperationContext,
    kind: Operation['kind'],
    { id, name }: DropletRef,
  ): Promise<void> {
    await runSteps(context, kind, { id, name }).catch(error => {
      // It may have waited for a change that removed it.
      throw error instanceof DropletGoneError ? noSuchDroplet(name) : error
    })
    // So that the answer tells of it. When the engine is not there for that, the list says so itself.
    await informer.refresh(id).catch(() => undefined)
  }

  async function runSteps(context: OperationContext, kind: Operation['kind'], { id, name }: DropletRef): Promise<void> {
    if (kind !== 'start') {
      context.startStep('stop')
      await engine.stop(id)
    }
    if (kind === 'start' || kind === 'restart') {
      context.startStep('start')
      await engine.start(id)
    }
    if (kind === 'delete') {
      context.startStep('remove')
      await engine.remove(id)
      keys.remove(name)
    }
  }

  async function resumeOperation(context: OperationContext, operation: Operation): Promise<void> {
    const { id, kind, droplet: name, dropletId, createdAt } = operation
    log.info('an interrupted operation is taken up', { operation: id, kind, droplet: name })
    context.start()
    if (kind === 'add') {
      context.startStep('undo')
      const removedName = await provisioner.rollBackOperation(id)
      if (removedName !== undefined) context.setDroplet(removedName)
      context.endStep()
      throw interruptedError('what it had begun is undone')
    }
    if (name === null || dropletId === null || now() - createdAt > RESUMABLE_FOR_MS) {
      throw interruptedError('look at the droplet')
    }
    // In its line from here on: what is asked for now is done after it.
    await queue.run(name, async () => {
      const current = await engine.inspect(dropletId)
      // By another name it is another droplet, or none: somebody put it out of the way.
      if (current?.name === name) {
        if (kind === 'restart' && (current.startedAt ?? 0) > createdAt) return
        await applyChange(context, kind, { id: dropletId, name })
      } else if (kind === 'delete') await removeOrphanedKeys(name)
      else throw noSuchDroplet(name)
    })
  }

  /** A droplet that got the name meanwhile keeps the keys that lie there. */
  async function removeOrphanedKeys(name: string): Promise<void> {
    const droplets = await engine.list()
    if (!droplets.some(droplet => droplet.name === name)) keys.remove(name)
  }

  async function findAtEngine(name: string): Promise<DropletRef> {
    const droplet = (await engine.list()).find(candidate => candidate.name === name)
    if (!droplet) throw noSuchDroplet(name)
    return droplet
  }
}

const addOperation = { kind: 'add', droplet: null, dropletId: null, undoable: true } as const

function interruptedError(hint: string): ApiError {
  return new ApiError('operationInterrupted', { text: `cikit-api was stopped in the middle: ${hint}` })
}

/** The words of the Docker daemon, which clients of the original system know. Only a harmless name is repeated. */
function noSuchDroplet(name: string): ApiError {
  const text = 'Error response from daemon: No such container'
  return new ApiError('engineRefused', { text: /^[A-Za-z0-9_.-]{1,64}$/.test(name) ? `${text}: ${name}` : text })
}
