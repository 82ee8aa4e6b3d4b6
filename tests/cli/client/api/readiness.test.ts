import { expect, test } from 'bun:test'
import { waitUntilReady } from '../../../../cli/client/api/readiness.ts'
import { ClientError } from '../../../../src/core/errors.ts'
import type { DropletBody } from '../../../../src/droplets/schema.ts'
import { dropletBody } from '../../../testkit/droplets/droplet-body.ts'
import { createFakeTiming } from '../../../testkit/fake-timing.ts'

/** Returns one list per request; the last one repeats. */
async function runWait(lists: (DropletBody[] | Error)[]) {
  const timing = createFakeTiming()
  let requestCount = 0
  let unreachableCount = 0
  const list = async () => {
    const current = lists[Math.min(requestCount++, lists.length - 1)]
    if (current instanceof Error) throw current
    return current ?? []
  }
  const outcome = await waitUntilReady('cikit02', list, () => unreachableCount++, timing).catch(error => error)
  return { outcome, requestCount, unreachableCount, seconds: timing.now() / 1000 }
}

const other = dropletBody({ name: 'cikit01', health: 'ready' })
const booting = dropletBody({ name: 'cikit02', health: 'booting' })
const unknown = dropletBody({ name: 'cikit02', health: null })
const ready = dropletBody({ name: 'cikit02', health: 'ready' })

test('waits while the droplet boots or its health is unknown, and returns the list', async () => {
  const lists = [
    [other, unknown],
    [other, booting],
    [other, booting],
    [other, ready],
  ]
  expect(await runWait(lists)).toEqual({ outcome: [other, ready], requestCount: 4, unreachableCount: 0, seconds: 3 })
})

test('keeps waiting while the server is unreachable', async () => {
  const gone = new ClientError('unreachable', 'away')
  expect(await runWait([[booting], gone, gone, [ready]])).toMatchObject({ outcome: [ready], unreachableCount: 2 })
})

test('gives up after 5 minutes', async () => {
  const { outcome, seconds } = await runWait([[booting]])
  expect(outcome).toEqual(new ClientError('refused', 'cikit02 is not ready after 5 minutes'))
  expect(seconds).toBe(300)
})

const { health: _, ...legacyDroplet } = ready
test.each<[string, DropletBody[], RegExp]>([
  ['is degraded', [{ ...ready, health: 'degraded' }], /^cikit02 is degraded/],
  [
    'has stopped',
    [{ ...unknown, state: 'exited', status: 'Exited (1)\n' }],
    /^cikit02 is not running: Exited \(1\)\\n$/,
  ],
  ['was deleted', [other], /^cikit02 was deleted$/],
  ['is on a server that does not report health', [legacyDroplet as DropletBody], /this server does not report health$/],
])('does not wait for a droplet that %s', async (_, list, message) => {
  expect(await runWait([[booting], list])).toMatchObject({
    outcome: { kind: 'refused', message: expect.stringMatching(message) },
    requestCount: 2,
  })
})
