import { describe, expect, test } from 'bun:test'
import { ACT } from '../_support/act.ts'
import { createTestDroplets } from '../_support/droplets.ts'

// One key, one operation.

describe('a key', () => {
  const claim = (key: string, userId = 'ada', what = 'add') => ({
    userId,
    key: Buffer.from(key),
    fingerprint: Buffer.from(what),
  })

  test('gives the same operation, once, however often and at once it is asked with', async () => {
    await using host = createTestDroplets()
    const { change, operations } = host.startService()
    const ask = () => change(ACT, { kind: 'add', sshKeys: [] }, claim('k'))
    const ids = (await Promise.all(Array.from({ length: 20 }, ask))).map(({ id }) => id)
    expect(new Set(ids).size).toBe(1)
    await operations.outcome(ids[0] ?? '')
    expect(await ask()).toMatchObject({ id: ids[0], state: 'done' })
    expect(host.names()).toEqual(['cikit01'])
    // After a restart, too.
    expect(await host.startService().change(ACT, { kind: 'add', sshKeys: [] }, claim('k'))).toMatchObject({
      id: ids[0],
    })
  })

  test('is of one user', async () => {
    await using host = createTestDroplets()
    const { change, operations } = host.startService()
    for (const user of ['ada', 'bob']) await change(ACT, { kind: 'add', sshKeys: [] }, claim('k', user))
    await operations.idle()
    expect(host.names()).toHaveLength(2)
  })

  test('for something else is 930, and nothing is done', async () => {
    await using host = createTestDroplets()
    const { change, operations } = host.startService()
    await change(ACT, { kind: 'add', sshKeys: [] }, claim('k'))
    await operations.idle()
    const other = change(ACT, { kind: 'add', sshKeys: ['x'] }, claim('k', 'ada', 'another add'))
    await expect(other).rejects.toMatchObject({ errorId: 930, status: 409 })
    const both = await Promise.allSettled(
      ['one', 'two'].map(what => change(ACT, { kind: 'add', sshKeys: [] }, claim('l', 'ada', what))),
    )
    expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    await operations.idle()
    expect(host.names()).toHaveLength(2)
  })

  test('of a deletion is not asked for the droplet again, which is gone', async () => {
    await using host = createTestDroplets()
    host.put('cikit01')
    const { change, operations } = host.startService()
    const ask = () => change(ACT, { kind: 'delete', droplet: 'cikit01' }, claim('k'))
    const { id } = await ask()
    await operations.outcome(id)
    expect(await ask()).toMatchObject({ id, state: 'done' })
  })
})
