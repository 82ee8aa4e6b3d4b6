import { batch, computed, signal } from '@preact/signals'
import { errorMessage } from '../../../core/error-message.ts'
import type { Group } from '../../../core/groups.ts'
import type { OperationBody } from '../../../droplets/operations/schema.ts'
import type { DropletBody, DropletList } from '../../../droplets/schema.ts'
import { requestJson } from '../api/client.ts'
import { ResponseError } from '../api/http.ts'
import { group, isManager } from '../api/session.ts'

// The current state of the Matrix: loaded once, then updated by `events.ts`.

export interface DropletChange {
  change: 'added' | 'changed' | 'removed'
  droplet: DropletBody
}

/** Older finished operations are dropped. */
const MAX_OPERATIONS = 200
/** Id of the API error "container engine unreachable". */
const ENGINE_UNREACHABLE = 918

/** Changes received while the list is loading; the list may be older than they are. */
let bufferedEvents: DropletChange[] | undefined

/** Undefined until the list is loaded. */
export const dropletsById = signal<ReadonlyMap<string, DropletBody> | undefined>(undefined)
/** Oldest first. */
export const operationsById = signal<ReadonlyMap<string, OperationBody>>(new Map())

/** Newest first; undefined until the list is loaded. */
export const droplets = computed<readonly DropletBody[] | undefined>(
  () =>
    dropletsById.value &&
    [...dropletsById.value.values()].sort((left, right) => right.created_at.localeCompare(left.created_at)),
)

/** Newest first. */
export const operations = computed(() => [...operationsById.value.values()].reverse())

/** By droplet name, or by operation id while an add has no name yet. */
export const unfinishedOperations = computed(
  () => new Map(operations.value.filter(isUnfinished).map(operation => [operation.droplet ?? operation.id, operation])),
)

/** The state of the event stream. */
export const connectionState = signal<'connecting' | 'live' | 'lost'>('connecting')
export const engineState = signal<'available' | 'unreachable'>('available')
/** Why the droplets or the user could not be loaded. */
export const loadError = signal<string | undefined>(undefined)
/** Increases with every change of a user. */
export const usersVersion = signal(0)
/** Increases with every new audit record; only the owner receives these events. */
export const auditVersion = signal(0)

export const isUnfinished = ({ state }: OperationBody): boolean => state === 'queued' || state === 'running'

/** Removes everything, so the next user of this tab does not see it. */
export function clearStore(): void {
  batch(() => {
    dropletsById.value = undefined
    operationsById.value = new Map()
    connectionState.value = 'connecting'
    engineState.value = 'available'
    loadError.value = undefined
  })
}

/** Loads everything, or reloads it. */
export async function loadStore(): Promise<void> {
  await Promise.all([loadDroplets(), loadCurrentUser().then(() => (isManager.value ? loadOperations() : undefined))])
}

export async function loadDroplets(): Promise<void> {
  const buffer: DropletChange[] = []
  bufferedEvents = buffer
  try {
    const list = await requestJson<DropletList>('/droplet/list')
    // A later load has started; its result is used.
    if (bufferedEvents !== buffer) return
    batch(() => {
      dropletsById.value = new Map(list.map(droplet => [droplet.id, droplet]))
      buffer.forEach(updateDroplet)
      engineState.value = 'available'
      loadError.value = undefined
    })
  } catch (error) {
    if (error instanceof ResponseError && error.errorId === ENGINE_UNREACHABLE) engineState.value = 'unreachable'
    else loadError.value = errorMessage(error)
  } finally {
    if (bufferedEvents === buffer) bufferedEvents = undefined
  }
}

async function loadCurrentUser(): Promise<void> {
  try {
    group.value = (await requestJson<{ group: Group }>('/user/me')).group
  } catch (error) {
    loadError.value = errorMessage(error)
  }
}

async function loadOperations(): Promise<void> {
  const list = await requestJson<OperationBody[]>('/operation/list?limit=50').catch(() => [])
  batch(() => list.reverse().forEach(putOperation))
}

export function applyDropletChange(event: DropletChange): void {
  bufferedEvents?.push(event)
  updateDroplet(event)
}

function updateDroplet({ change, droplet }: DropletChange): void {
  // Before the first load, a single droplet would look like the whole list.
  if (!dropletsById.value) return
  const next = new Map(dropletsById.value)
  if (change === 'removed') next.delete(droplet.id)
  else next.set(droplet.id, droplet)
  dropletsById.value = next
}

/** Ignores a stale response that arrives after the event of the operation's end. */
export function putOperation(operation: OperationBody): void {
  const previous = operationsById.value.get(operation.id)
  if (previous && !isUnfinished(previous) && isUnfinished(operation)) return
  const next = new Map(operationsById.value).set(operation.id, operation)
  for (const [id, entry] of next) {
    if (next.size <= MAX_OPERATIONS) break
    if (!isUnfinished(entry)) next.delete(id)
  }
  operationsById.value = next
}
