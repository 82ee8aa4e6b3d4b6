import { expect, test } from 'bun:test'
import { createTestApi } from '../testkit/api/test-api.ts'

test('lists users with their creation time, oldest first', async () => {
  await using api = await createTestApi()
  const owner = await api.logInAs('owner', 'zoe')
  api.clock.advance(60_000)
  await api.createUser('adam', 'manager')
  api.clock.advance(-3_600_000)
  await api.createUser('bob', 'viewer')
  const { status, body } = await api.call('GET', '/user/list', { token: owner.token })
  const id = expect.stringMatching(/^[0-9a-f-]{36}$/)
  expect(status).toBe(200)
  expect(body).toEqual([
    { id, username: 'zoe', group: 'owner', created: '2026-01-02T03:04:05.000Z' },
    { id, username: 'adam', group: 'manager', created: '2026-01-02T03:05:05.000Z' },
    { id, username: 'bob', group: 'viewer', created: '2026-01-02T02:05:05.000Z' },
  ])
})

test('the cached list reflects every change', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  const names = async () => {
    const { body } = await api.call('GET', '/user/list', { token })
    return (body as { username: string }[]).map(({ username }) => username)
  }
  expect(await names()).toEqual(['owner'])
  await api.call('POST', '/user/add', { token, json: { username: 'bob', group: 'viewer' } })
  expect(await names()).toEqual(['owner', 'bob'])
  await api.call('DELETE', '/user/delete/bob', { token })
  expect(await names()).toEqual(['owner'])
})

test('a list contains no secret, encrypted or not', async () => {
  await using api = await createTestApi()
  const owner = await api.logInAs('owner')
  const ada = await api.createUser('ada', 'viewer')
  const { token } = owner
  const responses = [
    await api.call('GET', '/user/list', { token }),
    await api.call('POST', '/user/add', { token, json: { username: 'bob', group: 'viewer' } }),
    await api.call('DELETE', '/user/delete/bob', { token }),
  ]
  for (const { status, body } of responses) {
    expect(status).toBe(200)
    const text = JSON.stringify(body)
    expect(text).toContain('ada')
    for (const confidential of [owner.secret, ada.secret, token, 'secret', 'encrypted', 'last_step']) {
      expect(text).not.toContain(confidential)
    }
  }
})
