import type { OperationBody } from '../../../droplets/operations/schema.ts'
import { requestJson } from '../api/client.ts'
import { NetworkError } from '../api/http.ts'
import { putOperation } from './store.ts'

export type DropletAction = 'start' | 'stop' | 'restart' | 'delete'

const methods = { start: 'PATCH', stop: 'PATCH', restart: 'PATCH', delete: 'DELETE' } as const

/** Begins a change of a droplet. What becomes of it is told by the events of its operation. */
export async function startOperation(action: DropletAction, name: string): Promise<OperationBody> {
  return await submitOperation(`/droplet/${action}/${encodeURIComponent(name)}`, methods[action])
}

/** @param sshKeys lines as authorized_keys has them, that may enter the new droplet beside its own key */
export async function addDroplet(sshKeys: readonly string[]): Promise<OperationBody> {
  return await submitOperation('/droplet/add', 'POST', sshKeys.length > 0 ? { ssh_keys: sshKeys } : undefined)
}

/** @throws Refusal 931 when it can be undone no more */
export async function cancelOperation(id: string): Promise<void> {
  putOperation(await requestJson<OperationBody>(`/operation/cancel/${encodeURIComponent(id)}`, { method: 'DELETE' }))
}

async function submitOperation(
  path: string,
  method: 'POST' | 'PATCH' | 'DELETE',
  json?: unknown,
): Promise<OperationBody> {
  // The same key the second time: if the first one arrived, this asks only what became of it.
  const headers = { prefer: 'respond-async', 'idempotency-key': createIdempotencyKey() }
  const attempt = () => requestJson<OperationBody>(path, { method, json, headers })
  const operation = await attempt().catch(error => {
    if (error instanceof NetworkError) return attempt()
    throw error
  })
  putOperation(operation)
  return operation
}

/** `crypto.randomUUID` is there over HTTPS only. */
function createIdempotencyKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map(byte => byte.toString(16).padStart(2, '0')).join('')
}
