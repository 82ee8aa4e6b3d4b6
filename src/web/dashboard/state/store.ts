import { batch, computed, signal } from '@preact/signals'
import { errorMessage } from '../../../core/error-message.ts'
import type { Group } from '../../../core/groups.ts'
import type { OperationBody } from '../../../droplets/operations/schema.ts'
import type { DropletBody, DropletList } from '../../../droplets/schema.ts'
import { requestJson } from '../api/client.ts'
import { consumeEventStream } from '../api/event-stream.ts'
import { ResponseError } from '../api/http.ts'
import { group, isManager, session } from '../api/session.ts'
import { announce } from './announcer.ts'
import { showToast } from './toasts.ts'

// The Matrix as it is now: read once, and kept up by the stream of events.

type EventPayloads = {
  begin: object
  reset: object
  droplet: { change: 'added' | 'changed' | 'removed'; droplet: DropletBody }
  engine: { state: 'away' | 'back' }
  operation: OperationBody
  user: { change: 'added' | 'changed' | 'removed'; user: { username: string } }
  me: { username: string; group: Group }
  audit: { last: number }
  end: object
}

/** Of those that have ended, so many are kept for who looks. */
const MAX_OPERATIONS = 200

/** What is told of droplets while they are read: the list may be from before it. */
let bufferedEvents: EventPayloads['droplet'][] | undefined

const dropletsById = signal<ReadonlyMap<string, DropletBody> | undefined>(undefined)
/** By their id, oldest first. */
const operationsById = signal<ReadonlyMap<string, OperationBody>>(new Map())

/** Newest first; undefined as long as they are not known. */
export const droplets = computed<readonly DropletBody[] | undefined>(
  () =>
    dropletsById.value &&
    [...dropletsById.value.values()].sort((left, right) => right.created_at.localeCompare(left.created_at)),
)

/** Newest first; those that began, or were under way, since the page was opened. */
export const operations = computed(() => [...operationsById.value.values()].reverse())

/** What is being done to each droplet at the moment, by its name. */
export const unfinishedOperations = computed(
  () => new Map(operations.value.filter(isUnfinished).map(operation => [operation.droplet ?? operation.id, operation])),
)

/** Whether what is shown is what is. */
export const connectionState = signal<'connecting' | 'live' | 'lost'>('connecting')
export const engineState = signal<'here' | 'away'>('here')
/** Why the droplets could not be read; undefined when they could. */
export const loadError = signal<string | undefined>(undefined)
/** Moves whenever something of a user has changed. */
export const usersVersion = signal(0)
/** Moves whenever the audit has new records, for the owner. */
export const auditVersion = signal(0)

export const isUnfinished = ({ state }: OperationBody): boolean => state === 'queued' || state === 'running'

/** Follows what happens until `signal` ends it. */
export async function subscribeToEvents(signal: AbortSignal): Promise<void> {
  await consumeEventStream('/event/stream', {
    signal,
    onEvent: (name, data) => handleEvent(name as keyof EventPayloads, data as never),
    onStateChange: state => {
      connectionState.value = state
    },
  })
}

/** Forgets all, for the next person at this tab. */
export function clearStore(): void {
  batch(() => {
    dropletsById.value = undefined
    operationsById.value = new Map()
    connectionState.value = 'connecting'
    engineState.value = 'here'
    loadError.value = undefined
  })
}

/** Reads all anew. */
export async function loadStore(): Promise<void> {
  await Promise.all([loadDroplets(), loadCurrentUser().then(() => (isManager.value ? loadOperations() : undefined))])
}

async function loadCurrentUser(): Promise<void> {
  try {
    group.value = (await requestJson<{ group: Group }>('/user/me')).group
  } catch (error) {
    loadError.value = errorMessage(error)
  }
}

async function loadDroplets(): Promise<void> {
  const buffer: EventPayloads['droplet'][] = []
  bufferedEvents = buffer
  try {
    const list = await requestJson<DropletList>('/droplet/list')
    // They are being read once more, and that is what counts.
    if (bufferedEvents !== buffer) return
    batch(() => {
      dropletsById.value = new Map(list.map(droplet => [droplet.id, droplet]))
      for (const event of buffer) applyDropletEvent(event)
      engineState.value = 'here'
      loadError.value = undefined
    })
  } catch (error) {
    if (error instanceof ResponseError && error.errorId === 918) engineState.value = 'away'
    else loadError.value = errorMessage(error)
  } finally {
    if (bufferedEvents === buffer) bufferedEvents = undefined
  }
}

async function loadOperations(): Promise<void> {
  const list = await requestJson<OperationBody[]>('/operation/list?limit=50').catch(() => [])
  batch(() => list.reverse().forEach(putOperation))
}

function handleEvent<Name extends keyof EventPayloads>(name: Name, data: EventPayloads[Name]): void {
  const event = { [name]: data } as Partial<EventPayloads>
  if (event.begin || event.reset) void loadStore()
  if (event.me) onCurrentUser(event.me)
  if (event.droplet) onDroplet(event.droplet)
  if (event.operation) onOperation(event.operation)
  if (event.engine) onEngine(event.engine.state)
  if (event.audit) auditVersion.value = event.audit.last
  if (event.user) usersVersion.value += 1
}

function onCurrentUser(me: EventPayloads['me']): void {
  const previousGroup = group.value
  group.value = me.group
  if (previousGroup !== undefined && previousGroup !== me.group) {
    announce(`Your group is now ${me.group}.`)
    void loadStore()
  }
}

function onDroplet({ change, droplet }: EventPayloads['droplet']): void {
  bufferedEvents?.push({ change, droplet })
  const previous = dropletsById.value?.get(droplet.id)
  applyDropletEvent({ change, droplet })
  if (change === 'added') announce(`${droplet.name} was added.`)
  else if (change === 'removed') announce(`${droplet.name} was deleted.`)
  else if (previous && previous.state !== droplet.state) announce(`${droplet.name}: ${droplet.state}.`)
}

function applyDropletEvent({ change, droplet }: EventPayloads['droplet']): void {
  // As long as none are known, one alone would be taken for all.
  if (!dropletsById.value) return
  const next = new Map(dropletsById.value)
  if (change === 'removed') next.delete(droplet.id)
  else next.set(droplet.id, droplet)
  dropletsById.value = next
}

function onEngine(state: 'away' | 'back'): void {
  engineState.value = state === 'away' ? 'away' : 'here'
  announce(state === 'away' ? 'The container engine is away.' : 'The container engine is back.')
  if (state === 'back') void loadDroplets()
}

/** What the person itself began, and what became of it. */
function onOperation(operation: OperationBody): void {
  const previous = operationsById.value.get(operation.id)
  putOperation(operation)
  if (operation.user !== session.peek()?.username || (previous && !isUnfinished(previous))) return
  const label = `${operation.kind} ${operation.droplet ?? 'a droplet'}`
  if (operation.state === 'failed') showToast(`Could not ${label}: ${operation.error?.error ?? 'it failed'}`, 'bad')
  if (operation.state === 'cancelled') announce(`Cancelled: ${label}.`)
}

/** An operation as it is now; an answer that comes later than the event of its end changes nothing. */
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
