import { expect, test } from 'bun:test'
import { createTestApi } from '../../testkit/api/test-api.ts'
import { HOST_KEY } from '../../testkit/droplets/droplet.ts'

const ed25519 = (name: string, last = 'A') => `${HOST_KEY.key.slice(0, -1)}${last} ${name}`

test('adds, lists and removes keys without duplicates', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('viewer')
  const add = (ssh_key: unknown) => api.call('POST', '/user/ssh-keys', { token, json: { ssh_key } })
  expect(await add(`${HOST_KEY.key} ann@laptop`)).toMatchObject({
    status: 200,
    body: [{ type: 'ssh-ed25519', comment: 'ann@laptop', fingerprint: HOST_KEY.fingerprint }],
  })
  expect((await add(`${HOST_KEY.key} the same`)).body).toHaveLength(1)
  const [{ id } = { id: '' }] = (await api.call('GET', '/user/ssh-keys', { token })).body as { id: string }[]
  const other = await api.logInAs('manager')
  expect((await api.call('GET', '/user/ssh-keys', { token: other.token })).body).toEqual([])
  expect(await api.call('DELETE', `/user/ssh-key/${id}`, { token: other.token })).toMatchObject({
    status: 404,
    body: { errorId: 940 },
  })
  expect(await api.call('DELETE', `/user/ssh-key/${id}`, { token })).toMatchObject({ status: 200, body: [] })
})

test.each([['no key'], [''], [[HOST_KEY.key, HOST_KEY.key.replace(/.$/, 'A')]], [{ a: 1 }], [7]])(
  'rejects %p as a key',
  async ssh_key => {
    await using api = await createTestApi()
    const { token } = await api.logInAs('viewer')
    expect(await api.call('POST', '/user/ssh-keys', { token, json: { ssh_key } })).toMatchObject({
      status: 400,
      body: { errorId: 917 },
    })
  },
)

test('a user has at most twenty keys', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('viewer')
  const letters = [...'ABCDEFGHIJKLMNOPQRSTU']
  const statuses = []
  for (const letter of letters) {
    const json = { ssh_key: ed25519('k', letter) }
    statuses.push((await api.call('POST', '/user/ssh-keys', { token, json })).status)
  }
  expect(statuses).toEqual([...letters.slice(1).map(() => 200), 409])
})

test('a new droplet gets the keys of its user and of the request, and names its creator', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('manager')
  await api.call('POST', '/user/ssh-keys', { token, json: { ssh_key: `${HOST_KEY.key} stored` } })
  const requestKey = ed25519('given', 'B')
  const { body } = await api.call('POST', '/droplet/add', { token, json: { ssh_keys: [requestKey] } })
  expect(body).toMatchObject([{ created_by: 'manager' }])
  const lines = (api.memoryEngine.authorizedKeys[0] ?? '').trim().split('\n')
  expect(lines.slice(1)).toEqual([requestKey, `${HOST_KEY.key} stored`])
})

test('keys are deleted with their user', async () => {
  await using api = await createTestApi()
  const owner = await api.logInAs('owner')
  const { token } = await api.logInAs('viewer')
  await api.call('POST', '/user/ssh-keys', { token, json: { ssh_key: HOST_KEY.key } })
  await api.call('DELETE', '/user/delete/viewer', { token: owner.token })
  expect(api.context.db.sql.query('SELECT count(*) AS count FROM ssh_keys').get()).toEqual({ count: 0 })
})
