import type { OperationBody } from '../../../src/droplets/operations/schema.ts'

/** An operation as the API returns it; by default it has just started. */
export function operationBody(overrides: Partial<OperationBody> = {}): OperationBody {
  return {
    ...{ id: '2f0c9c0e-6d0e-4a51-8f9b-9f1f9a4d5c11', kind: 'add', droplet: 'cikit02', user: 'ann', state: 'running' },
    created_at: '2026-11-23T16:21:07.114Z',
    started_at: '2026-11-23T16:21:07.115Z',
    ended_at: null,
    ...{ cancellable: true, steps: [], progress: null, error: null },
    ...overrides,
  }
}

export const doneBody = (overrides: Partial<OperationBody> = {}) =>
  operationBody({ state: 'done', ended_at: '2026-11-23T16:21:07.482Z', cancellable: false, ...overrides })
