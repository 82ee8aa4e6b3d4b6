import type { InformerChange } from '../droplets/informer.ts'
import type { OperationView } from '../droplets/operations/entry.ts'
import { toOperationBody } from '../droplets/operations/to-body.ts'
import { type RenderContext, toDropletBody } from '../droplets/to-body.ts'
import type { UserChange } from '../users/change-detector.ts'
import { toUserList } from '../users/to-body.ts'
import type { Topic } from './event-log.ts'

/** A droplet as it would be listed now, or the state of the engine. */
export function toDropletEvent(change: InformerChange, context: RenderContext): { topic: Topic; data: unknown } {
  if (!('droplet' in change)) return { topic: 'engine', data: { state: change.change } }
  return { topic: 'droplet', data: { change: change.change, droplet: toDropletBody(change.droplet, context) } }
}

export function toOperationEvent(operation: OperationView): { topic: Topic; data: unknown } {
  return { topic: 'operation', data: toOperationBody(operation) }
}

export function toUserEvent({ change, user }: UserChange): { topic: Topic; data: unknown } {
  const [listed] = toUserList([user])
  return { topic: 'user', data: { change, user: listed } }
}
