import type { OperationBody } from '../../../droplets/operations/schema.ts'
import { requestJson } from '../api/client.ts'
import { NetworkError } from '../api/http.ts'
import { putOperation } from './store.ts'

export type DropletAction = 'start' | 'stop' | 'restart' | 'delete'

const methods = { start: 'PATCH', stop: 'PATCH', restart: 'PATCH', delete: 'DELETE' } as const

/** Resolves once the server has accepted the operation; events report its progress and result. */
export async function startOperation(action: DropletAction, name: string): Promise<OperationBody> {
  return await submitOperation(`/droplet/${action}/${encodeURIComponent(name)}`, methods[action])
}

/** @param sshKeys authorized_keys lines of additional keys for the new droplet */
export async function addDroplet(sshKeys: readonly string[]): Promise<OperationBody> {
  return await submitOperation('/droplet/add', 'POST', sshKeys.length > 0 ? { ssh_keys: sshKeys } : undefined)
}

/** @throws ResponseError 931 when the operation can no longer be cancelled */
export async function cancelOperation(id: string): Promise<void> {
  putOperation(await requestJson<OperationBody>(`/operation/cancel/${encodeURIComponent(id)}`, { method: 'DELETE' }))
}

async function submitOperation(
  path: string,
  method: 'POST' | 'PATCH' | 'DELETE',
  json?: unknown,
): Promise<OperationBody> {
  // The retry reuses the key, so an operation that was already accepted is not started twice.
  const headers = { prefer: 'respond-async', 'idempotency-key': createIdempotencyKey() }
  const attempt = () => requestJson<OperationBody>(path, { method, json, headers })
  const operation = await attempt().catch(error => {
    if (error instanceof NetworkError) return attempt()
    throw error
  })
  putOperation(operation)
  return operation
}

/** Not `crypto.randomUUID`, which browsers offer only over HTTPS. */
function createIdempotencyKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map(byte => byte.toString(16).padStart(2, '0')).join('')
}
