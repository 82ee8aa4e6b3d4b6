import { describe, expect, test } from 'bun:test'
import { TEST_ACTOR } from '../../testkit/actor.ts'
import { createTestDropletHost } from '../../testkit/droplets/droplet-host.ts'

describe('an idempotency key', () => {
  const idempotencyKey = (key: string, userId = 'ada', fingerprint = 'add') => ({
    userId,
    key: Buffer.from(key),
    fingerprint: Buffer.from(fingerprint),
  })

  test('yields one operation, however often and concurrently it is used', async () => {
    await using host = createTestDropletHost()
    const { change, operations } = host.startService()
    const request = () => change(TEST_ACTOR, { kind: 'add', sshKeys: [] }, idempotencyKey('k'))
    const ids = (await Promise.all(Array.from({ length: 20 }, request))).map(({ id }) => id)
    expect(new Set(ids).size).toBe(1)
    await operations.outcome(ids[0] ?? '')
    expect(await request()).toMatchObject({ id: ids[0], state: 'done' })
    expect(host.names()).toEqual(['cikit01'])
    // Also after a restart.
    expect(
      await host.startService().change(TEST_ACTOR, { kind: 'add', sshKeys: [] }, idempotencyKey('k')),
    ).toMatchObject({
      id: ids[0],
    })
  })

  test('belongs to one user', async () => {
    await using host = createTestDropletHost()
    const { change, operations } = host.startService()
    for (const user of ['ada', 'bob']) await change(TEST_ACTOR, { kind: 'add', sshKeys: [] }, idempotencyKey('k', user))
    await operations.idle()
    expect(host.names()).toHaveLength(2)
  })

  test('is 930 for another request, which is not carried out', async () => {
    await using host = createTestDropletHost()
    const { change, operations } = host.startService()
    await change(TEST_ACTOR, { kind: 'add', sshKeys: [] }, idempotencyKey('k'))
    await operations.idle()
    const other = change(TEST_ACTOR, { kind: 'add', sshKeys: ['x'] }, idempotencyKey('k', 'ada', 'another add'))
    await expect(other).rejects.toMatchObject({ errorId: 930, status: 409 })
    const both = await Promise.allSettled(
      ['one', 'two'].map(fingerprint =>
        change(TEST_ACTOR, { kind: 'add', sshKeys: [] }, idempotencyKey('l', 'ada', fingerprint)),
      ),
    )
    expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    await operations.idle()
    expect(host.names()).toHaveLength(2)
  })

  test('of a deletion still works when the droplet is gone', async () => {
    await using host = createTestDropletHost()
    host.addDroplet('cikit01')
    const { change, operations } = host.startService()
    const request = () => change(TEST_ACTOR, { kind: 'delete', droplet: 'cikit01' }, idempotencyKey('k'))
    const { id } = await request()
    await operations.outcome(id)
    expect(await request()).toMatchObject({ id, state: 'done' })
  })
})
