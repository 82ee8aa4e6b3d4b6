import type { Droplet, Health, ListedDroplet } from './engine.ts'

/** What is told of one droplet when it is not as it was. */
export type DropletChange = { change: 'added' | 'changed' | 'removed'; droplet: ListedDroplet }

/** What a look from within a droplet found. */
export interface ProbeFacts {
  health: Health | undefined
  hostKey: string | undefined
}

export type DropletCache = ReturnType<typeof createDropletCache>

/** The droplets as they were known last. Whatever is put in, what comes back is how that differs from before. */
export function createDropletCache() {
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
    replace(fetched: readonly Droplet[]): DropletChange[] {
      const before = droplets
      droplets = new Map(fetched.map(droplet => [droplet.id, toListed(droplet, before?.get(droplet.id))]))
      sorted = undefined
      if (before === undefined) return []
      const after = droplets
      const gone = [...before.keys()].filter(id => !after.has(id))
      return [...gone, ...after.keys()].flatMap(id => diff(before.get(id), after.get(id)))
    },

    /** One as it was found; undefined when it is gone. */
    set: (id: string, fetched: Droplet | undefined): DropletChange[] =>
      apply(id, fetched && toListed(fetched, droplets?.get(id))),

    /** One whose init has ended. */
    markStopped(id: string, { exitCode, at }: { exitCode: number; at: number }): DropletChange[] {
      const before = droplets?.get(id)
      if (before?.state !== 'running') return []
      const cleared = { health: undefined, hostKey: undefined }
      return apply(id, { ...before, ...cleared, state: 'exited', exitCode, finishedAt: at, ports: {} })
    },

    /** One whose image's own check says something else than before. */
    setHealthCheck(id: string, healthCheck: Droplet['healthCheck']): DropletChange[] {
      const before = droplets?.get(id)
      return before?.state === 'running' ? apply(id, { ...before, healthCheck }) : []
    },

    /** What was found in one that was started at this moment; of a start that is over it says nothing. */
    applyFacts(id: string, startedAt: number | undefined, facts: ProbeFacts): DropletChange[] {
      const before = droplets?.get(id)
      if (before?.state !== 'running' || before.startedAt !== startedAt) return []
      return apply(id, { ...before, ...facts })
    },
  }

  function apply(id: string, after: ListedDroplet | undefined): DropletChange[] {
    const changes = diff(droplets?.get(id), after)
    if (changes.length === 0) return []
    sorted = undefined
    if (after) droplets?.set(id, after)
    else droplets?.delete(id)
    return changes
  }
}

/** What was found in it holds until it stops. */
function toListed(droplet: Droplet, before: ListedDroplet | undefined): ListedDroplet {
  const isSameRun = droplet.state === 'running' && droplet.startedAt === before?.startedAt
  return {
    ...droplet,
    health: isSameRun ? before?.health : undefined,
    hostKey: isSameRun ? before?.hostKey : undefined,
  }
}

function diff(before: ListedDroplet | undefined, after: ListedDroplet | undefined): DropletChange[] {
  if (after === undefined) return before === undefined ? [] : [{ change: 'removed', droplet: before }]
  if (before === undefined) return [{ change: 'added', droplet: after }]
  return Bun.deepEquals(before, after) ? [] : [{ change: 'changed', droplet: after }]
}
