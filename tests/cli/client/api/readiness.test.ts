import { expect, test } from 'bun:test'
import { waitUntilReady } from '../../../../cli/client/api/readiness.ts'
import { ClientError } from '../../../../src/core/errors.ts'
import type { DropletBody } from '../../../../src/droplets/schema.ts'
import { dropletBody } from '../../../testkit/droplets/droplet-body.ts'
import { createFakeTiming } from '../../../testkit/fake-timing.ts'

/** Lists one after another, of which the last one stays, as they are asked for. */
async function runWait(lists: (DropletBody[] | Error)[]) {
  const timing = createFakeTiming()
  let asked = 0
  let away = 0
  const list = async () => {
    const current = lists[Math.min(asked++, lists.length - 1)]
    if (current instanceof Error) throw current
    return current ?? []
  }
  const outcome = await waitUntilReady('cikit02', list, () => away++, timing).catch(error => error)
  return { outcome, asked, away, seconds: timing.now() / 1000 }
}

const other = dropletBody({ name: 'cikit01', health: 'ready' })
const booting = dropletBody({ name: 'cikit02', health: 'booting' })
const unknown = dropletBody({ name: 'cikit02', health: null })
const ready = dropletBody({ name: 'cikit02', health: 'ready' })

test('it waits for that droplet, while it boots or nobody knows, and gives the list', async () => {
  const lists = [
    [other, unknown],
    [other, booting],
    [other, booting],
    [other, ready],
  ]
  expect(await runWait(lists)).toEqual({ outcome: [other, ready], asked: 4, away: 0, seconds: 3 })
})

test('a server that is away meanwhile is waited for', async () => {
  const gone = new ClientError('unreachable', 'away')
  expect(await runWait([[booting], gone, gone, [ready]])).toMatchObject({ outcome: [ready], away: 2 })
})

test('it gives up after 5 minutes', async () => {
  const { outcome, seconds } = await runWait([[booting]])
  expect(outcome).toEqual(new ClientError('refused', 'cikit02 is not ready after 5 minutes'))
  expect(seconds).toBe(300)
})

const { health: _, ...legacyDroplet } = ready
test.each<[string, DropletBody[], RegExp]>([
  ['is degraded', [{ ...ready, health: 'degraded' }], /^cikit02 is degraded/],
  [
    'stopped meanwhile',
    [{ ...unknown, state: 'exited', status: 'Exited (1)\n' }],
    /^cikit02 is not running: Exited \(1\)\\n$/,
  ],
  ['is gone', [other], /^cikit02 was deleted$/],
  ['is of a server that does not tell', [legacyDroplet as DropletBody], /this server does not report health$/],
])('one that %s is not waited for', async (_, list, words) => {
  expect(await runWait([[booting], list])).toMatchObject({
    outcome: { kind: 'refused', message: expect.stringMatching(words) },
    asked: 2,
  })
})
