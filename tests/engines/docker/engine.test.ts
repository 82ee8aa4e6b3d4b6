import { describe, expect, test } from 'bun:test'
import { parseTar } from 'nanotar'
import { NameTakenError, type NewDroplet, PortTakenError } from '../../../src/droplets/engine.ts'
import { containerDetails, containerEntry, CONTAINER_ID as ID } from '../../testkit/docker/bodies.ts'
import { exceptVersion, type Responder } from '../../testkit/docker/fake-docker.ts'
import type { HttpRequest } from '../../testkit/docker/http-connection.ts'
import { errorResponse } from '../../testkit/docker/replies.ts'
import { createTestEngine } from '../../testkit/docker/test-engine.ts'

const newDroplet: NewDroplet = {
  name: 'cikit07',
  hostname: 'cikit07.matrix.test',
  ports: [
    { host: '0.0.0.0', hostPort: 2207, dropletPort: 22 },
    { host: '127.0.0.1', hostPort: 8007, dropletPort: 80 },
  ],
  authorizedKeys: 'ssh-ed25519 AAAA cikit07\n',
  mark: 'b2f6a3f0-mark',
  createdBy: 'ann',
}

/** An engine on which everything succeeds, except as overridden. */
function createWorkingEngine(respond: Responder = () => undefined) {
  return createTestEngine(async request => {
    const override = await respond(request)
    if (override) return override
    if (request.path.startsWith('/containers/create')) return Response.json({ Id: ID, Warnings: [] }, { status: 201 })
    if (request.path.endsWith('/archive?path=%2F')) return new Response('')
    return request.path.startsWith(`/containers/${ID}`) ? new Response(null, { status: 204 }) : undefined
  })
}

const respondTo = (path: string, response: () => Response) => (request: HttpRequest) =>
  request.path.startsWith(path) ? response() : undefined

describe('listing', () => {
  test('includes stopped containers, filtered by droplet names', async () => {
    await using docker = createTestEngine(respondTo('/containers/json', () => Response.json([containerEntry()])))
    const names = (await docker.engine.list()).map(({ name }) => name)
    expect(names).toEqual(['cikit22'])
    expect(docker.requestLines()).toEqual([
      'GET /version',
      'GET /v1.41/containers/json?all=1&filters={"name":["^/?cikit[0-9]{2}$"]}',
    ])
  })

  test('omits other containers even if the engine ignores the filter', async () => {
    const entries = [containerEntry({ Names: ['/nginx'] }), containerEntry(), containerEntry({ Names: ['/cikit220'] })]
    await using docker = createTestEngine(respondTo('/containers/json', () => Response.json(entries)))
    expect((await docker.engine.list()).map(({ name }) => name)).toEqual(['cikit22'])
  })
})

describe('creating', () => {
  test('sends the configuration of a droplet', async () => {
    await using docker = createWorkingEngine()
    expect(await docker.engine.create(newDroplet)).toBe(ID)
    expect(docker.requestLines()).toEqual([
      'GET /version',
      'GET /v1.41/info',
      'POST /v1.41/containers/create?name=cikit07',
      `PUT /v1.41/containers/${ID}/archive?path=/`,
    ])
    expect(JSON.parse(docker.requests[2]?.body ?? '')).toEqual({
      Image: 'localhost/cikit-droplet:bookworm',
      Hostname: 'cikit07.matrix.test',
      Labels: { 'cikit-api.add': 'b2f6a3f0-mark', 'cikit-api.user': 'ann' },
      ExposedPorts: { '22/tcp': {}, '80/tcp': {} },
      StopSignal: 'SIGRTMIN+3',
      HostConfig: {
        PortBindings: {
          '22/tcp': [{ HostIp: '0.0.0.0', HostPort: '2207' }],
          '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '8007' }],
        },
        Tmpfs: { '/run': '', '/run/lock': '' },
        Binds: ['/sys/fs/cgroup:/sys/fs/cgroup:ro'],
        SecurityOpt: ['seccomp=unconfined'],
      },
    })
  })

  test('adapts to the current engine', async () => {
    const info = { ServerVersion: '28.5.2', OSType: 'linux', CgroupVersion: '2', SecurityOptions: [] }
    await using docker = createWorkingEngine(respondTo('/info', () => Response.json(info)))
    await docker.engine.create(newDroplet)
    const { HostConfig } = JSON.parse(docker.requests[2]?.body ?? '')
    expect(HostConfig).toMatchObject({ CgroupnsMode: 'private', SecurityOpt: ['writable-cgroups=true'] })
    expect(HostConfig).not.toHaveProperty('Binds')
    expect(HostConfig).not.toHaveProperty('Privileged')
  })

  test('installs the keys for root only', async () => {
    await using docker = createWorkingEngine()
    await docker.engine.create(newDroplet)
    const files = parseTar(new TextEncoder().encode(docker.requests[3]?.body))
    const root = { uid: 0, gid: 0, user: 'root', group: 'root' }
    expect(files.map(({ name, type, text, attrs }) => ({ name, type, text, attrs }))).toEqual([
      { name: 'root/.ssh/', type: 'directory', text: '', attrs: expect.objectContaining(root) },
      {
        name: 'root/.ssh/authorized_keys',
        type: 'file',
        text: newDroplet.authorizedKeys,
        attrs: expect.objectContaining(root),
      },
    ])
    expect(files.map(({ attrs }) => Number.parseInt(attrs?.mode ?? '', 8))).toEqual([0o700, 0o600])
  })

  test('reports a taken name on 409, and installs nothing', async () => {
    const conflict = () => errorResponse(409, 'Conflict. The container name "/cikit07" is already in use')
    await using docker = createWorkingEngine(respondTo('/containers/create', conflict))
    await expect(docker.engine.create(newDroplet)).rejects.toBeInstanceOf(NameTakenError)
    expect(docker.requestLines().filter(request => request.startsWith('PUT'))).toEqual([])
  })

  test('is rejected with the engine’s message', async () => {
    const imageMissing = () => errorResponse(404, 'No such image: localhost/cikit-droplet:bookworm')
    await using docker = createWorkingEngine(respondTo('/containers/create', imageMissing))
    await expect(docker.engine.create(newDroplet)).rejects.toMatchObject({
      errorId: 900,
      message: 'Error response from daemon: No such image: localhost/cikit-droplet:bookworm',
    })
  })

  test('fails if the keys cannot be installed', async () => {
    await using docker = createWorkingEngine(
      respondTo(`/containers/${ID}/archive`, () => errorResponse(500, 'disk full')),
    )
    await expect(docker.engine.create(newDroplet)).rejects.toMatchObject({
      errorId: 900,
      message: 'Error response from daemon: disk full',
    })
  })

  test.each(['', '../../info', 'abc'])('rejects the id %j', async Id => {
    await using docker = createWorkingEngine(respondTo('/containers/create', () => Response.json({ Id })))
    await expect(docker.engine.create(newDroplet)).rejects.toMatchObject({ errorId: 918 })
    expect(docker.requestLines()).toHaveLength(3)
  })
})

describe('starting', () => {
  test.each([
    ['given away by the engine', 'Bind for 0.0.0.0:2207 failed: port is already allocated'],
    ['in use by another program', 'listen tcp4 0.0.0.0:2207: bind: address already in use'],
  ])('reports a taken port when it is %s', async (_, words) => {
    const message = `driver failed programming external connectivity on endpoint cikit07 (abc): ${words}`
    await using docker = createWorkingEngine(respondTo(`/containers/${ID}/start`, () => errorResponse(500, message)))
    await expect(docker.engine.start(ID)).rejects.toBeInstanceOf(PortTakenError)
  })

  test('that fails for another reason is not a taken port', async () => {
    await using docker = createWorkingEngine(
      respondTo(`/containers/${ID}/start`, () => errorResponse(500, 'no memory')),
    )
    const error = await docker.engine.start(ID).catch((thrown: unknown) => thrown)
    expect(error).not.toBeInstanceOf(PortTakenError)
    expect(error).toMatchObject({ errorId: 900, message: 'Error response from daemon: no memory' })
  })
})

describe.each(['start', 'stop', 'remove'] as const)('%s', change => {
  const request = {
    start: `POST /v1.41/containers/${ID}/start`,
    stop: `POST /v1.41/containers/${ID}/stop`,
    remove: `DELETE /v1.41/containers/${ID}?force=1&v=1`,
  }[change]

  test.each([204, 304])('uses the full id, and %i is success', async status => {
    await using docker = createWorkingEngine(respondTo(`/containers/${ID}`, () => new Response(null, { status })))
    expect(await docker.engine[change](ID)).toBeUndefined()
    expect(docker.requestLines()).toEqual(['GET /version', request])
  })

  test('is rejected with the engine’s message', async () => {
    await using docker = createWorkingEngine(
      respondTo(`/containers/${ID}`, () => errorResponse(409, 'it is in progress')),
    )
    await expect(docker.engine[change](ID)).rejects.toMatchObject({
      errorId: 900,
      status: 400,
      message: 'Error response from daemon: it is in progress',
    })
  })

  test('is 918 if the response has no message', async () => {
    await using docker = createWorkingEngine(
      respondTo(`/containers/${ID}`, () => new Response('<h1>proxy</h1>', { status: 502 })),
    )
    await expect(docker.engine[change](ID)).rejects.toMatchObject({ errorId: 918 })
  })
})

test('removing a missing container succeeds, stopping it fails', async () => {
  const gone = () => errorResponse(404, `No such container: ${ID}`)
  await using docker = createWorkingEngine(respondTo(`/containers/${ID}`, gone))
  expect(await docker.engine.remove(ID)).toBeUndefined()
  await expect(docker.engine.stop(ID)).rejects.toMatchObject({ errorId: 900 })
})

describe('removing by mark', () => {
  const ids = ['a', 'b'].map(digit => digit.repeat(64))

  test('removes all containers with exactly this label, including stopped ones', async () => {
    await using docker = createTestEngine(({ method, path }) => {
      if (path.startsWith('/containers/json')) return Response.json(ids.map(Id => ({ Id })))
      return method === 'DELETE' ? new Response(null, { status: 204 }) : undefined
    })
    expect(await docker.engine.removeMarked('b2f6-mark', true)).toBe(true)
    expect(docker.requestLines()).toEqual([
      'GET /version',
      'GET /v1.41/containers/json?all=1&filters={"label":["cikit-api.add=b2f6-mark"]}',
      ...ids.map(id => `DELETE /v1.41/containers/${id}?force=1&v=1`),
    ])
  })

  test('waits for a creation without a response to complete', async () => {
    const times: Record<string, number> = {}
    await using docker = createTestEngine(({ method, path }) => {
      times[method] = performance.now()
      if (path.startsWith('/containers/json')) return Response.json([{ Id: ids[0] }])
      return method === 'DELETE' ? new Response(null, { status: 204 }) : undefined
    })
    expect(await docker.engine.removeMarked('b2f6-mark', false)).toBe(true)
    expect((times.DELETE ?? 0) - (times.GET ?? 0)).toBeGreaterThan(400)
  })

  test('reports when there is nothing to remove', async () => {
    await using docker = createTestEngine(respondTo('/containers/json', () => Response.json([])))
    expect(await docker.engine.removeMarked('b2f6-mark', true)).toBe(false)
    expect(docker.requestLines().filter(request => request.startsWith('DELETE'))).toEqual([])
  })
})

describe('inspecting', () => {
  test('reads the details by id', async () => {
    await using docker = createTestEngine(({ path }) =>
      path === `/containers/${ID}/json` ? Response.json(containerDetails()) : undefined,
    )
    expect(await docker.engine.inspect(ID)).toMatchObject({ id: ID, name: 'cikit22', state: 'running' })
  })

  test('a missing container yields undefined', async () => {
    await using docker = createTestEngine(exceptVersion(() => errorResponse(404, `No such container: ${ID}`)))
    expect(await docker.engine.inspect(ID)).toBeUndefined()
  })

  test('an error response means a broken engine', async () => {
    await using docker = createTestEngine(exceptVersion(() => errorResponse(500, 'layer store')))
    await expect(docker.engine.inspect(ID)).rejects.toMatchObject({ errorId: 918 })
  })
})

test('events contain only droplets, whatever else happens on the host', async () => {
  const line = (name: string, digit: string, Action = 'start') =>
    `${JSON.stringify({ Type: 'container', Action, Actor: { ID: digit.repeat(64), Attributes: { name } } })}\n`
  const lines = [line('nginx', 'a'), line('cikit22', 'b'), line('cikit22', 'b', 'exec_start: ls'), line('cikit23', 'c')]
  await using docker = createTestEngine(({ path }) =>
    path.startsWith('/events') ? new Response(lines.join('')) : undefined,
  )
  const seen: string[] = []
  for await (const { id } of await docker.engine.events(new AbortController().signal)) seen.push(id)
  expect(seen).toEqual(['b'.repeat(64), 'c'.repeat(64)])
  expect(docker.requestLines()).toContain('GET /v1.41/events?filters={"type":["container"]}')
})
