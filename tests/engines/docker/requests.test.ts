import { describe, expect, test } from 'bun:test'
import { TEST_ACTOR } from '../../testkit/actor.ts'
import { CONTAINER_ID, containerEntry } from '../../testkit/docker/bodies.ts'
import { createTestEngine } from '../../testkit/docker/test-engine.ts'
import { createTestDropletHost } from '../../testkit/droplets/droplet-host.ts'

const NGINX = 'fe'.repeat(32)
const changes = ['start', 'stop', 'restart', 'remove'] as const

/** A host with the droplet `cikit22` and an unrelated nginx. */
function createHost() {
  const droplets = createTestDropletHost()
  const docker = createTestEngine(({ path }) => {
    if (path === '/version' || path === '/info') return undefined
    if (!path.startsWith('/containers/json')) return new Response(null, { status: 204 })
    return Response.json([containerEntry({ Id: NGINX, Names: ['/nginx', '/cikit22/web'] }), containerEntry()])
  })
  return {
    service: droplets.startService(docker.engine),
    asked: docker.requestLines,
    async [Symbol.asyncDispose]() {
      await droplets[Symbol.asyncDispose]()
      await docker[Symbol.asyncDispose]()
    },
  }
}

describe.each(changes)('%s', change => {
  test.each([
    ...['..', '%2e%2e', '..%2f..%2fversion', '../../info', '/cikit22', 'cikit22/', 'cikit22/../nginx'],
    ...['cikit22?force=1', 'cikit22#', 'cikit22%00', 'cikit22\0', 'cikit22\r\nX: y', 'cikit22 ', 'CIKIT22', 'cikit00'],
    ...[';reboot', '$(id)', '`id`', '--help', '{{7*7}}', '(a+)+$', "' OR 1=1--", '{"$ne":null}', '__proto__', ''],
    ...[
      'nginx',
      'cikit22-web',
      NGINX,
      NGINX.slice(0, 12),
      CONTAINER_ID,
      CONTAINER_ID.slice(0, 12),
      'x'.repeat(100_000),
    ],
  ])('of %.40j sends nothing to the engine', async name => {
    await using host = createHost()
    await expect(host.service[change](TEST_ACTOR, name)).rejects.toMatchObject({ errorId: 900 })
    expect(host.asked()).toEqual([])
  })

  test('of an unknown name only lists, without sending the name', async () => {
    await using host = createHost()
    await expect(host.service[change](TEST_ACTOR, 'cikit23')).rejects.toMatchObject({ errorId: 900 })
    expect(host.asked()).toEqual([
      'GET /version',
      'GET /v1.41/containers/json?all=1&filters={"name":["^/?cikit[0-9]{2}$"]}',
    ])
  })

  test('of a droplet uses only the full id from the list', async () => {
    await using host = createHost()
    await host.service[change](TEST_ACTOR, 'cikit22')
    const commands = host.asked().filter(request => !request.startsWith('GET'))
    expect(commands.length).toBeGreaterThan(0)
    expect(commands.filter(request => !request.includes(`/v1.41/containers/${CONTAINER_ID}`))).toEqual([])
    expect(host.asked().join()).not.toContain('cikit22')
    expect(host.asked().join()).not.toContain(NGINX)
  })
})

test.each([
  ['restart', [`POST /v1.41/containers/${CONTAINER_ID}/stop`, `POST /v1.41/containers/${CONTAINER_ID}/start`]],
  ['remove', [`POST /v1.41/containers/${CONTAINER_ID}/stop`, `DELETE /v1.41/containers/${CONTAINER_ID}?force=1&v=1`]],
] as const)('%s sends %p', async (change, requests) => {
  await using host = createHost()
  await host.service[change](TEST_ACTOR, 'cikit22')
  expect(host.asked().filter(request => !request.startsWith('GET'))).toEqual([...requests])
})
