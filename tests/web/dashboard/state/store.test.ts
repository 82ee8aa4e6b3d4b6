import { beforeEach, describe, expect, test } from 'bun:test'
import type { OperationBody } from '../../../../src/droplets/operations/schema.ts'
import {
  applyDropletChange,
  clearStore,
  droplets,
  dropletsById,
  operations,
  putOperation,
  unfinishedOperations,
} from '../../../../src/web/dashboard/state/store.ts'
import { dropletBody } from '../../../testkit/droplets/droplet-body.ts'

const operation = (id: number, state: OperationBody['state']): OperationBody => ({
  id: `operation-${id}`,
  kind: 'stop',
  droplet: `cikit${id}`,
  user: 'ann',
  state,
  created_at: '2026-01-01T00:00:00Z',
  started_at: null,
  ended_at: null,
  cancellable: false,
  steps: [],
  progress: null,
  error: null,
})

beforeEach(clearStore)

describe('droplets', () => {
  const older = dropletBody({ id: 'a', name: 'cikit01', created_at: '2026-01-01T00:00:00Z' })
  const newer = dropletBody({ id: 'b', name: 'cikit02', created_at: '2026-01-02T00:00:00Z' })

  test('are unknown until the list is loaded, whatever events arrive', () => {
    applyDropletChange({ change: 'added', droplet: older })
    expect(droplets.value).toBeUndefined()
  })

  test('follow added, changed and removed events, newest first', () => {
    dropletsById.value = new Map()
    for (const droplet of [older, newer]) applyDropletChange({ change: 'added', droplet })
    expect(droplets.value?.map(({ name }) => name)).toEqual(['cikit02', 'cikit01'])
    applyDropletChange({ change: 'changed', droplet: { ...older, state: 'paused' } })
    applyDropletChange({ change: 'removed', droplet: newer })
    expect(droplets.value?.map(({ name, state }) => `${name} ${state}`)).toEqual(['cikit01 paused'])
  })
})

describe('operations', () => {
  test('are listed newest first, and by droplet while unfinished', () => {
    putOperation(operation(1, 'done'))
    putOperation(operation(2, 'running'))
    expect(operations.value.map(({ id }) => id)).toEqual(['operation-2', 'operation-1'])
    expect([...unfinishedOperations.value.keys()]).toEqual(['cikit2'])
  })

  test('ignore a stale response after the event of their end', () => {
    putOperation(operation(1, 'done'))
    putOperation(operation(1, 'running'))
    expect(operations.value.map(({ state }) => state)).toEqual(['done'])
  })

  test('keep every unfinished one and drop the oldest finished ones above 200', () => {
    putOperation(operation(0, 'running'))
    for (let id = 1; id <= 250; id++) putOperation(operation(id, 'done'))
    expect(operations.value).toHaveLength(200)
    expect(operations.value.at(-1)?.id).toBe('operation-0')
    expect(operations.value.at(-2)?.id).toBe('operation-52')
  })
})
