import { expect, test } from 'bun:test'
import { createTestApi } from './testkit/api/test-api.ts'

test('a user logs in and lists droplets', async () => {
  await using api = await createTestApi()
  const owner = await api.logInAs('owner')
  const added = await api.call('POST', '/droplet/add', { token: owner.token })
  expect(added.status).toBe(200)
  const { status, body } = await api.call('GET', '/droplet/list', { token: owner.token })
  expect(status).toBe(200)
  // The other fields are tested in tests/droplets.
  expect(body).toMatchObject([
    {
      id: expect.stringMatching(/^[0-9a-f]{12}$/),
      name: 'cikit01',
      created: 'Less than a second ago',
      created_at: '2026-01-02T03:04:05.000Z',
      status: 'Up Less than a second',
      state: 'running',
      ports: {
        '22': { type: 'tcp', from: { ip: '0.0.0.0', port: 2201 } },
        '80': { type: 'tcp', from: { ip: '127.0.0.1', port: 8001 } },
        '443': { type: 'tcp', from: { ip: '127.0.0.1', port: 44301 } },
      },
      number: 1,
      hostname: 'cikit01.matrix.test',
      image: 'localhost/cikit-droplet:bookworm',
      started_at: '2026-01-02T03:04:05.000Z',
      stopped_at: null,
      exit_code: null,
      health: 'booting',
      ssh: { command: 'ssh -p 2201 root@matrix.test', host_key: null, fingerprint: null },
    },
  ])
})
