import type { Droplet, Health, ListedDroplet } from './engine.ts'

/** A difference between two states of the cache. */
export type DropletChange = { change: 'added' | 'changed' | 'removed'; droplet: ListedDroplet }

/** The results of a probe that are listed. */
export interface ProbeFacts {
  health: Health | undefined
  hostKey: string | undefined
}

export type DropletCache = ReturnType<typeof createDropletCache>

/** The last known state of the droplets. Every update returns its changes. */
export function createDropletCache() {
  let droplets: Map<string, ListedDroplet> | undefined
  let sorted: readonly ListedDroplet[] | undefined

  return {
    /** Newest first; the same array as long as nothing changes. */
    list(): readonly ListedDroplet[] {
      // Of two created at the same moment, the one seen last counts as newer.
      sorted ??= [...(droplets?.values() ?? [])].reverse().sort((left, right) => right.createdAt - left.createdAt)
      return sorted
    },

    ids: (): string[] => [...(droplets?.keys() ?? [])],

    /** Replaces all droplets. The first call reports no changes. */
    replace(fetched: readonly Droplet[]): DropletChange[] {
      const before = droplets
      droplets = new Map(fetched.map(droplet => [droplet.id, toListed(droplet, before?.get(droplet.id))]))
      sorted = undefined
      if (before === undefined) return []
      const after = droplets
      const gone = [...before.keys()].filter(id => !after.has(id))
      return [...gone, ...after.keys()].flatMap(id => diff(before.get(id), after.get(id)))
    },

    /** Sets one droplet; undefined removes it. */
    set: (id: string, fetched: Droplet | undefined): DropletChange[] =>
      apply(id, fetched && toListed(fetched, droplets?.get(id))),

    /** Applies an exit event. */
    markStopped(id: string, { exitCode, at }: { exitCode: number; at: number }): DropletChange[] {
      const before = droplets?.get(id)
      if (before?.state !== 'running') return []
      const cleared = { health: undefined, hostKey: undefined }
      return apply(id, { ...before, ...cleared, state: 'exited', exitCode, finishedAt: at, ports: {} })
    },

    /** Applies a new result of the image's health check. */
    setHealthCheck(id: string, healthCheck: Droplet['healthCheck']): DropletChange[] {
      const before = droplets?.get(id)
      return before?.state === 'running' ? apply(id, { ...before, healthCheck }) : []
    },

    /** Applies probe results to the run that started at `startedAt`; ignored for any other run. */
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

/** Probe results stay valid until the droplet stops. */
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
