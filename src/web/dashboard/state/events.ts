import type { Group } from '../../../core/groups.ts'
import type { OperationBody } from '../../../droplets/operations/schema.ts'
import { consumeEventStream } from '../api/event-stream.ts'
import { group, session } from '../api/session.ts'
import { announce } from './announcer.ts'
import {
  applyDropletChange,
  auditVersion,
  connectionState,
  type DropletChange,
  dropletsById,
  engineState,
  isUnfinished,
  loadDroplets,
  loadStore,
  operationsById,
  putOperation,
  usersVersion,
} from './store.ts'
import { showToast } from './toasts.ts'

/** The JSON payloads of `/event/stream`, by event name. */
interface EventPayloads {
  begin: object
  reset: object
  droplet: DropletChange
  engine: { state: 'away' | 'back' }
  operation: OperationBody
  user: { change: 'added' | 'changed' | 'removed'; user: { username: string } }
  me: { username: string; group: Group }
  audit: { last: number }
}

/** Applies events to the store until `signal` is aborted. */
export async function subscribeToEvents(signal: AbortSignal): Promise<void> {
  await consumeEventStream('/event/stream', {
    signal,
    onEvent: (name, data) => handleEvent({ [name]: data }),
    onStateChange: state => {
      connectionState.value = state
    },
  })
}

/** @param event one payload under its event name */
function handleEvent(event: Partial<EventPayloads>): void {
  if (event.begin || event.reset) void loadStore()
  if (event.me) onCurrentUser(event.me)
  if (event.droplet) onDroplet(event.droplet)
  if (event.operation) onOperation(event.operation)
  if (event.engine) onEngine(event.engine)
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

function onDroplet(event: DropletChange): void {
  const { change, droplet } = event
  const previous = dropletsById.value?.get(droplet.id)
  applyDropletChange(event)
  if (change === 'added') announce(`${droplet.name} was added.`)
  else if (change === 'removed') announce(`${droplet.name} was deleted.`)
  else if (previous && previous.state !== droplet.state) announce(`${droplet.name}: ${droplet.state}.`)
}

function onEngine({ state }: EventPayloads['engine']): void {
  engineState.value = state === 'away' ? 'unreachable' : 'available'
  announce(state === 'away' ? 'Container engine unreachable.' : 'Container engine available again.')
  if (state === 'back') void loadDroplets()
}

/** Reports failed and cancelled operations of this user. */
function onOperation(operation: OperationBody): void {
  const previous = operationsById.value.get(operation.id)
  putOperation(operation)
  if (operation.user !== session.peek()?.username || (previous && !isUnfinished(previous))) return
  const label = `${operation.kind} ${operation.droplet ?? 'a droplet'}`
  if (operation.state === 'failed') showToast(`Could not ${label}: ${operation.error?.error ?? 'unknown error'}`, 'bad')
  if (operation.state === 'cancelled') announce(`Cancelled: ${label}.`)
}
