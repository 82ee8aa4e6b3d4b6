import type { Actor } from '../core/actor.ts'
import { ApiError } from '../core/errors.ts'
import type { IdempotencyKey, Operation } from '../store/operations.ts'
import { DropletGoneError, type DropletRef, type ListedDroplet } from './engine.ts'
import type { DropletInformer } from './informer.ts'
import { numberOf } from './naming.ts'
import type { OperationView } from './operations/entry.ts'
import type { OperationContext } from './operations/runner.ts'
import type { Operations } from './operations/service.ts'
import { createProvisioner, type ProvisionerDeps } from './provisioner.ts'
import { createQueue } from './queue.ts'

/** Interrupted changes are resumed at the next start only if they are younger than this. */
const RESUMABLE_FOR_MS = 600_000

export type DropletService = ReturnType<typeof createDropletService>

export type DropletChangeRequest =
  /** @param sshKeys lines of `authorized_keys` to install beside the droplet's own */
  { kind: 'add'; sshKeys: string[] } | { kind: 'start' | 'stop' | 'restart' | 'delete'; droplet: string }

/** The life cycle of droplets. Changes are operations: they run to completion even if the client disconnects. */
export function createDropletService(
  deps: ProvisionerDeps & {
    informer: Pick<DropletInformer, 'list' | 'cachedList' | 'refresh'>
    operations: Operations
  },
) {
  const { engine, informer, keys, operations, prefix, now, log } = deps
  /** Keyed by droplet name: changes of one droplet run one after another. */
  const queue = createQueue()
  const provisioner = createProvisioner(deps, queue)

  return {
    /** Newest first. */
    list: informer.list,

    /** The list without waiting; undefined if that needs a request to the engine. */
    cachedList: informer.cachedList,

    /**
     * @throws ApiError 900 for an unknown name, 918
     */
    async find(name: string): Promise<ListedDroplet> {
      const droplet = (await informer.list()).find(candidate => candidate.name === name)
      if (!droplet) throw noSuchDroplet(name)
      return droplet
    },

    /**
     * @throws ApiError 900 for an unknown name or a droplet that is not running, 918
     */
    async findRunning(name: string): Promise<ListedDroplet> {
      const droplet = await this.find(name)
      if (droplet.state === 'running') return droplet
      throw new ApiError('engineRefused', { text: `${droplet.name} is not running: start it first` })
    },

    /**
     * Starts a change. It is durable when this resolves; `operations.outcome` waits for its result.
     * @returns the earlier operation if the idempotency key was used before
     * @throws ApiError 900 for an unknown name, 918, 922, 930 and 934; then nothing is started
     */
    async change(actor: Actor, change: DropletChangeRequest, idempotencyKey?: IdempotencyKey): Promise<OperationView> {
      const existing = idempotencyKey && operations.findByIdempotencyKey(idempotencyKey)
      if (existing) return existing
      if (change.kind === 'add') {
        const work = (context: OperationContext) => provisioner.add(context, change.sshKeys)
        return await operations.start({ ...addOperation, actor, idempotencyKey, work })
      }
      const { kind, droplet: name } = change
      // Only valid droplet names are looked up on the engine.
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
     * Resumes the operations that an earlier process left unfinished: adds are rolled back, recent changes completed,
     * and the rest fail.
     */
    async resume(): Promise<void> {
      for (const operation of operations.unfinished()) {
        // Rolling an add back needs the engine, which may be away for days.
        await operations.resume(operation.id, context => resumeOperation(context, operation), operation.kind === 'add')
      }
      provisioner.reconcile()
    },

    /** Resolves when no change is running, apart from the rollback of orphans. */
    async idle(): Promise<void> {
      await Promise.all([queue.idle(), operations.idle()])
    },

    /** Stops the background work; the next start continues it. */
    close: (): Promise<void> => provisioner.close(),
  }

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
      // A change queued before this one may have removed the droplet.
      throw error instanceof DropletGoneError ? noSuchDroplet(name) : error
    })
    // So that the response includes the change. If the engine is away, the list reports that.
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
    log.info('resuming an interrupted operation', { operation: id, kind, droplet: name })
    context.start()
    if (kind === 'add') {
      context.startStep('undo')
      const removedName = await provisioner.rollBackOperation(id)
      if (removedName !== undefined) context.setDroplet(removedName)
      context.endStep()
      throw interruptedError('the unfinished droplet was removed')
    }
    if (name === null || dropletId === null || now() - createdAt > RESUMABLE_FOR_MS) {
      throw interruptedError('check the state of the droplet')
    }
    // Queued, so that new changes of this droplet run after it.
    await queue.run(name, async () => {
      const current = await engine.inspect(dropletId)
      // A droplet that was renamed in the meantime is left alone.
      if (current?.name === name) {
        if (kind === 'restart' && (current.startedAt ?? 0) > createdAt) return
        await applyChange(context, kind, { id: dropletId, name })
      } else if (kind === 'delete') await removeOrphanedKeys(name)
      else throw noSuchDroplet(name)
    })
  }

  /** A droplet that has taken the name since keeps its keys. */
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
  return new ApiError('operationInterrupted', {
    text: `The operation was interrupted by a restart of cikit-api: ${hint}`,
  })
}

/** Worded like the Docker daemon, as clients of the original system expect. Only a harmless name is repeated. */
function noSuchDroplet(name: string): ApiError {
  const text = 'Error response from daemon: No such container'
  return new ApiError('engineRefused', { text: /^[A-Za-z0-9_.-]{1,64}$/.test(name) ? `${text}: ${name}` : text })
}
