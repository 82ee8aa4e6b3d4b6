import type { OperationBody } from '../../../operations/model.ts'
import { ask } from '../api/api.ts'
import { Unreachable } from '../api/http.ts'
import { put } from './matrix.ts'

export type Change = 'start' | 'stop' | 'restart' | 'delete'

const methods = { start: 'PATCH', stop: 'PATCH', restart: 'PATCH', delete: 'DELETE' } as const

/** Begins a change of a droplet. What becomes of it is told by the events of its operation. */
export async function change(kind: Change, name: string): Promise<OperationBody> {
  return await begin(`/droplet/${kind}/${encodeURIComponent(name)}`, methods[kind])
}

/** @param sshKeys lines as authorized_keys has them, that may enter the new droplet beside its own key */
export async function addDroplet(sshKeys: readonly string[]): Promise<OperationBody> {
  return await begin('/droplet/add', 'POST', sshKeys.length > 0 ? { ssh_keys: sshKeys } : undefined)
}

/** @throws Refusal 931 when it can be undone no more */
export async function cancel(id: string): Promise<void> {
  put(await ask<OperationBody>(`/operation/cancel/${encodeURIComponent(id)}`, { method: 'DELETE' }))
}

async function begin(path: string, method: 'POST' | 'PATCH' | 'DELETE', json?: unknown): Promise<OperationBody> {
  // The same key the second time: if the first one arrived, this asks only what became of it.
  const headers = { prefer: 'respond-async', 'idempotency-key': newKey() }
  const once = () => ask<OperationBody>(path, { method, json, headers })
  const operation = await once().catch(error => {
    if (error instanceof Unreachable) return once()
    throw error
  })
  put(operation)
  return operation
}

/** `crypto.randomUUID` is there over HTTPS only. */
function newKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map(byte => byte.toString(16).padStart(2, '0')).join('')
}
