import { batch, computed, signal } from '@preact/signals'
import type { DropletBody, DropletList } from '../../../droplets/model.ts'
import type { OperationBody } from '../../../operations/model.ts'
import type { Group } from '../../../store/users.ts'
import { ask } from '../api/api.ts'
import { follow } from '../api/follow.ts'
import { Refusal, wordsFor } from '../api/http.ts'
import { group, isManager, session } from '../api/session.ts'
import { announce } from './announcer.ts'
import { notify } from './notices.ts'

// The Matrix as it is now: read once, and kept up by the stream of events.

type Events = {
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
const OPERATIONS_KEPT = 200

/** What is told of droplets while they are read: the list may be from before it. */
let heardMeanwhile: Events['droplet'][] | undefined

const known = signal<ReadonlyMap<string, DropletBody> | undefined>(undefined)
/** By their id, oldest first. */
const begun = signal<ReadonlyMap<string, OperationBody>>(new Map())

/** Newest first; undefined as long as they are not known. */
export const droplets = computed<readonly DropletBody[] | undefined>(
  () => known.value && [...known.value.values()].sort((left, right) => right.created_at.localeCompare(left.created_at)),
)

/** Newest first; those that began, or were under way, since the page was opened. */
export const operations = computed(() => [...begun.value.values()].reverse())

/** What is being done to each droplet at the moment, by its name. */
export const openOperations = computed(
  () => new Map(operations.value.filter(isOpen).map(operation => [operation.droplet ?? operation.id, operation])),
)

/** Whether what is shown is what is. */
export const link = signal<'connecting' | 'live' | 'lost'>('connecting')
export const engine = signal<'here' | 'away'>('here')
/** Why the droplets could not be read; undefined when they could. */
export const trouble = signal<string | undefined>(undefined)
/** Moves whenever something of a user has changed. */
export const usersVersion = signal(0)
/** Moves whenever the audit has new records, for the owner. */
export const auditVersion = signal(0)

export const isOpen = ({ state }: OperationBody): boolean => state === 'queued' || state === 'running'

/** Follows what happens until `signal` ends it. */
export async function followMatrix(signal: AbortSignal): Promise<void> {
  await follow('/event/stream', {
    signal,
    event: (name, data) => hear(name as keyof Events, data as never),
    state: state => {
      link.value = state
    },
  })
}

/** Forgets all, for the next person at this tab. */
export function forgetMatrix(): void {
  batch(() => {
    known.value = undefined
    begun.value = new Map()
    link.value = 'connecting'
    engine.value = 'here'
    trouble.value = undefined
  })
}

/** Reads all anew. */
export async function readMatrix(): Promise<void> {
  await Promise.all([readDroplets(), readMe().then(() => (isManager.value ? readOperations() : undefined))])
}

async function readMe(): Promise<void> {
  try {
    group.value = (await ask<{ group: Group }>('/user/me')).group
  } catch (error) {
    trouble.value = wordsFor(error)
  }
}

async function readDroplets(): Promise<void> {
  const heard: Events['droplet'][] = []
  heardMeanwhile = heard
  try {
    const list = await ask<DropletList>('/droplet/list')
    // They are being read once more, and that is what counts.
    if (heardMeanwhile !== heard) return
    batch(() => {
      known.value = new Map(list.map(droplet => [droplet.id, droplet]))
      for (const event of heard) apply(event)
      engine.value = 'here'
      trouble.value = undefined
    })
  } catch (error) {
    if (error instanceof Refusal && error.errorId === 918) engine.value = 'away'
    else trouble.value = wordsFor(error)
  } finally {
    if (heardMeanwhile === heard) heardMeanwhile = undefined
  }
}

async function readOperations(): Promise<void> {
  const list = await ask<OperationBody[]>('/operation/list?limit=50').catch(() => [])
  batch(() => list.reverse().forEach(put))
}

function hear<Name extends keyof Events>(name: Name, data: Events[Name]): void {
  const told = { [name]: data } as Partial<Events>
  if (told.begin || told.reset) void readMatrix()
  if (told.me) hearOfMe(told.me)
  if (told.droplet) hearOfDroplet(told.droplet)
  if (told.operation) hearOfOperation(told.operation)
  if (told.engine) hearOfEngine(told.engine.state)
  if (told.audit) auditVersion.value = told.audit.last
  if (told.user) usersVersion.value += 1
}

function hearOfMe(me: Events['me']): void {
  const before = group.value
  group.value = me.group
  if (before !== undefined && before !== me.group) {
    announce(`Your group is now ${me.group}.`)
    void readMatrix()
  }
}

function hearOfDroplet({ change, droplet }: Events['droplet']): void {
  heardMeanwhile?.push({ change, droplet })
  const before = known.value?.get(droplet.id)
  apply({ change, droplet })
  if (change === 'added') announce(`${droplet.name} was added.`)
  else if (change === 'removed') announce(`${droplet.name} was deleted.`)
  else if (before && before.state !== droplet.state) announce(`${droplet.name}: ${droplet.state}.`)
}

function apply({ change, droplet }: Events['droplet']): void {
  // As long as none are known, one alone would be taken for all.
  if (!known.value) return
  const next = new Map(known.value)
  if (change === 'removed') next.delete(droplet.id)
  else next.set(droplet.id, droplet)
  known.value = next
}

function hearOfEngine(state: 'away' | 'back'): void {
  engine.value = state === 'away' ? 'away' : 'here'
  announce(state === 'away' ? 'The container engine is away.' : 'The container engine is back.')
  if (state === 'back') void readDroplets()
}

/** What the person itself began, and what became of it. */
function hearOfOperation(operation: OperationBody): void {
  const before = begun.value.get(operation.id)
  put(operation)
  if (operation.user !== session.peek()?.username || (before && !isOpen(before))) return
  const what = `${operation.kind} ${operation.droplet ?? 'a droplet'}`
  if (operation.state === 'failed') notify(`Could not ${what}: ${operation.error?.error ?? 'it failed'}`, 'bad')
  if (operation.state === 'cancelled') announce(`Cancelled: ${what}.`)
}

/** An operation as it is now; an answer that comes later than the event of its end changes nothing. */
export function put(operation: OperationBody): void {
  const before = begun.value.get(operation.id)
  if (before && !isOpen(before) && isOpen(operation)) return
  const next = new Map(begun.value).set(operation.id, operation)
  for (const [id, kept] of next) {
    if (next.size <= OPERATIONS_KEPT) break
    if (!isOpen(kept)) next.delete(id)
  }
  begun.value = next
}
