import type { Droplet, Health, ListedDroplet } from './engine.ts'

/** What is told of one droplet when it is not as it was. */
export type DropletChange = { change: 'added' | 'changed' | 'removed'; droplet: ListedDroplet }

/** What a look from within a droplet found. */
export interface Facts {
  health: Health | undefined
  hostKey: string | undefined
}

/** The droplets as they were known last. Whatever is put in, what comes back is how that differs from before. */
export function createKnownDroplets() {
  let droplets: Map<string, ListedDroplet> | undefined
  let sorted: readonly ListedDroplet[] | undefined

  return {
    /** Newest first; the same list as long as nothing changes. */
    list(): readonly ListedDroplet[] {
      // Of two that were made at the same moment, the one that was seen last is the newer one.
      sorted ??= [...(droplets?.values() ?? [])].reverse().sort((left, right) => right.createdAt - left.createdAt)
      return sorted
    },

    ids: (): string[] => [...(droplets?.keys() ?? [])],

    /** All of them anew. The first time there is nothing that this could differ from. */
    replace(found: readonly Droplet[]): DropletChange[] {
      const before = droplets
      droplets = new Map(found.map(droplet => [droplet.id, listed(droplet, before?.get(droplet.id))]))
      sorted = undefined
      if (before === undefined) return []
      const after = droplets
      const gone = [...before.keys()].filter(id => !after.has(id))
      return [...gone, ...after.keys()].flatMap(id => difference(before.get(id), after.get(id)))
    },

    /** One as it was found; undefined when it is gone. */
    put: (id: string, found: Droplet | undefined): DropletChange[] =>
      become(id, found && listed(found, droplets?.get(id))),

    /** One whose init has ended. */
    stop(id: string, { exitCode, at }: { exitCode: number; at: number }): DropletChange[] {
      const before = droplets?.get(id)
      if (before?.state !== 'running') return []
      const facts = { health: undefined, hostKey: undefined }
      return become(id, { ...before, ...facts, state: 'exited', exitCode, finishedAt: at, ports: {} })
    },

    /** One whose image's own check says something else than before. */
    check(id: string, check: Droplet['check']): DropletChange[] {
      const before = droplets?.get(id)
      return before?.state === 'running' ? become(id, { ...before, check }) : []
    },

    /** What was found in one that was started at this moment; of a start that is over it says nothing. */
    note(id: string, startedAt: number | undefined, facts: Facts): DropletChange[] {
      const before = droplets?.get(id)
      if (before?.state !== 'running' || before.startedAt !== startedAt) return []
      return become(id, { ...before, ...facts })
    },
  }

  function become(id: string, after: ListedDroplet | undefined): DropletChange[] {
    const changes = difference(droplets?.get(id), after)
    if (changes.length === 0) return []
    sorted = undefined
    if (after) droplets?.set(id, after)
    else droplets?.delete(id)
    return changes
  }
}

/** What was found in it holds until it stops. */
function listed(droplet: Droplet, before: ListedDroplet | undefined): ListedDroplet {
  const same = droplet.state === 'running' && droplet.startedAt === before?.startedAt
  return { ...droplet, health: same ? before?.health : undefined, hostKey: same ? before?.hostKey : undefined }
}

function difference(before: ListedDroplet | undefined, after: ListedDroplet | undefined): DropletChange[] {
  if (after === undefined) return before === undefined ? [] : [{ change: 'removed', droplet: before }]
  if (before === undefined) return [{ change: 'added', droplet: after }]
  return Bun.deepEquals(before, after) ? [] : [{ change: 'changed', droplet: after }]
}
