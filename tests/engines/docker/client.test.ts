import { describe, expect, test } from 'bun:test'
import type { EngineCall } from '../../../src/droplets/engine.ts'
import { chooseApiVersion } from '../../../src/engines/docker/api-version.ts'
import { createDockerClient, requestKind } from '../../../src/engines/docker/client.ts'
import { createFakeDocker, exceptVersion } from '../../testkit/docker/fake-docker.ts'
import { errorResponse } from '../../testkit/docker/replies.ts'
import { createTestEngine } from '../../testkit/docker/test-engine.ts'

const list = { method: 'GET', path: '/containers/json', timeoutMs: 2_500 } as const

describe('the API version', () => {
  test.each([
    ['Docker 20.10', { ApiVersion: '1.41', MinAPIVersion: '1.12' }, '1.41'],
    ['an engine that names no oldest one', { ApiVersion: '1.41' }, '1.41'],
    ['Docker 28.5', { ApiVersion: '1.51', MinAPIVersion: '1.24' }, '1.51'],
    ['Docker 29', { ApiVersion: '1.52', MinAPIVersion: '1.44' }, '1.51'],
    ['an engine that has just left us behind', { ApiVersion: '1.60', MinAPIVersion: '1.51' }, '1.51'],
    ['an engine of two digits less', { ApiVersion: '1.9', MinAPIVersion: '1.9' }, '1.9'],
    ['a second generation', { ApiVersion: '2.0', MinAPIVersion: '1.44' }, '1.51'],
  ])('is negotiated with %s', (_, response, version) => {
    expect(chooseApiVersion(response)).toBe(version)
  })

  test.each(['1.52', '1.100', '2.0'])('is 923 with a reason for an engine that requires %s or newer', MinAPIVersion => {
    expect(() => chooseApiVersion({ ApiVersion: '2.1', MinAPIVersion })).toThrow(
      expect.objectContaining({
        errorId: 923,
        message: `The container engine requires API ${MinAPIVersion} or newer, but this program supports up to 1.51: update cikit-api`,
      }),
    )
  })

  test.each([
    ['nothing', undefined],
    ['an object without it', {}],
    ['a number', { ApiVersion: 1.41 }],
    ['a path', { ApiVersion: '1.41/../..' }],
    ['a text before it', { ApiVersion: 'v1.41' }],
    ['an invalid oldest version', { ApiVersion: '1.41', MinAPIVersion: 'all' }],
  ])('is not read from %s', (_, response) => {
    expect(() => chooseApiVersion(response)).toThrow('not an engine')
  })

  test('is negotiated once, and part of every request', async () => {
    await using docker = createTestEngine(({ path }) =>
      path.startsWith('/containers/json') ? Response.json([]) : undefined,
    )
    await docker.engine.list()
    await Promise.all([docker.engine.list(), docker.engine.list()])
    expect(docker.requests.map(({ path }) => path.split('?')[0])).toEqual([
      '/version',
      ...Array(3).fill('/v1.41/containers/json'),
    ])
  })

  test('of an unsupported engine is 923 for every request, and nothing else is sent', async () => {
    await using docker = createTestEngine(() => Response.json({ ApiVersion: '1.70', MinAPIVersion: '1.60' }))
    await expect(docker.engine.list()).rejects.toMatchObject({ errorId: 923, message: expect.stringContaining('1.60') })
    expect(docker.requestLines()).toEqual(['GET /version'])
  })

  test('is negotiated again after the engine was away', async () => {
    let versions = { ApiVersion: '1.41', MinAPIVersion: '1.12' }
    let away = false
    await using docker = createTestEngine(({ path }) => {
      if (away) return new Response('<h1>bad gateway</h1>', { status: 502 })
      return path === '/version' ? Response.json(versions) : Response.json([])
    })
    await docker.engine.list()
    away = true
    await expect(docker.engine.list()).rejects.toMatchObject({ errorId: 918 })
    away = false
    versions = { ApiVersion: '1.51', MinAPIVersion: '1.44' }
    await docker.engine.list()
    expect(docker.requests.at(-1)?.path).toStartWith('/v1.51/containers/json')
  })

  test('is negotiated again after an error response, which does not reject the pending request', async () => {
    let isRejecting = true
    await using docker = createTestEngine(({ path }) => {
      if (path === '/version' && isRejecting) return errorResponse(500, 'layer store is gone')
      return path.startsWith('/containers/json') ? Response.json([]) : undefined
    })
    await expect(docker.engine.start('0'.repeat(64))).rejects.toMatchObject({ errorId: 918 })
    isRejecting = false
    expect(await docker.engine.list()).toEqual([])
  })

  test.each([
    ['newer', '1.41', '1.51', 'client version 1.41 is too old. Minimum supported API version is 1.44'],
    ['older', '1.51', '1.41', 'client version 1.51 is too new. Maximum supported API version is 1.41'],
  ])(
    'is negotiated again when the engine was replaced by a %s one between two requests',
    async (_, was, is, message) => {
      let apiVersion = was
      await using docker = createTestEngine(({ path }) =>
        path === '/version'
          ? Response.json({ ApiVersion: apiVersion, MinAPIVersion: apiVersion })
          : lastRequestVersion() === apiVersion
            ? Response.json([])
            : errorResponse(400, message),
      )
      const lastRequestVersion = () => /^\/v([^/]+)/.exec(docker.requests.at(-1)?.path ?? '')?.[1]
      expect(await docker.engine.list()).toEqual([])
      apiVersion = is
      // One request may fail because of the change, but none after it.
      await docker.engine.list().catch(error => expect(error).toMatchObject({ errorId: 918 }))
      expect(await docker.engine.list()).toEqual([])
    },
  )
})

describe('requests and responses', () => {
  test.each([204, 304])('%i is success without a body', async status => {
    await using docker = createTestEngine(exceptVersion(() => new Response(null, { status })))
    expect(await docker.client.request(list)).toBeUndefined()
  })

  test('an error response has its status and message', async () => {
    await using docker = createTestEngine(exceptVersion(() => errorResponse(409, 'in use')))
    await expect(docker.client.request(list)).rejects.toMatchObject({
      name: 'DockerApiError',
      status: 409,
      message: 'in use',
    })
  })

  test('sends JSON and tar bodies', async () => {
    await using docker = createFakeDocker(
      exceptVersion(() => Response.json({})),
      { transport: 'tcp' },
    )
    const client = createDockerClient(docker.address)
    await client.request({ ...list, method: 'POST', json: {} })
    await client.request({ ...list, method: 'PUT', tar: new Uint8Array(512) })
    const types = docker.requests.map(({ headers }) => headers.get('content-type'))
    expect(types).toEqual([null, 'application/json', 'application/x-tar'])
  })

  test('a stream yields lines, wherever its chunks are cut', async () => {
    const pieces = ['{"stream":"St', 'ep 1"}\r\n{"str', 'eam":"Zürich"}\n\n', '{"aux":{}}']
    const bytes = pieces.map(piece => new TextEncoder().encode(piece))
    const stream = new ReadableStream<Uint8Array>({
      pull: controller => {
        const next = bytes.shift()
        if (next) controller.enqueue(next)
        else controller.close()
      },
    })
    await using docker = createFakeDocker(({ path }) => (path === '/build' ? new Response(stream) : undefined))
    const lines: unknown[] = []
    const client = createDockerClient(docker.address)
    for await (const line of client.lines({ ...list, method: 'POST', path: '/build' })) lines.push(line)
    expect(lines).toEqual([{ stream: 'Step 1' }, { stream: 'Zürich' }, { aux: {} }])
  })

  test('rejects a stream with an endless line', async () => {
    let sent = 0
    const piece = new Uint8Array(64 * 1024).fill(32)
    const stream = new ReadableStream<Uint8Array>({
      pull: controller => {
        sent += piece.length
        controller.enqueue(piece)
      },
    })
    await using docker = createFakeDocker(({ path }) => (path === '/events' ? new Response(stream) : undefined))
    const events = await createDockerClient(docker.address).stream(
      { ...list, path: '/events' },
      new AbortController().signal,
    )
    await expect(events.next()).rejects.toMatchObject({ errorId: 918 })
    // 1 MB is read, and more is in the socket’s buffers.
    expect(sent).toBeLessThan(8 * 1024 * 1024)
  })
})

describe('metrics of requests', () => {
  const id = '7e16c2cb0bf6'.padEnd(64, '0')

  test.each([
    [`/containers/${id}/json`, 'GET /containers/:id/json'],
    [`/containers/${id}`, 'GET /containers/:id'],
    ['/containers/json', 'GET /containers/json'],
    ['/containers/create', 'GET /containers/create'],
    [`/exec/${id}/start`, 'GET /exec/:id/start'],
    ['/images/localhost/cikit-droplet:bookworm/json', 'GET /images/:name/json'],
    ['/images/create', 'GET /images/create'],
    ['/events', 'GET /events'],
  ])('%s has the kind %s', (path, kind) => {
    expect(requestKind({ method: 'GET', path })).toBe(kind)
  })

  test('every request is reported once, with its result', async () => {
    await using docker = createFakeDocker(({ path }) => {
      if (path.startsWith('/version')) return undefined
      if (path.startsWith('/containers/json')) return Response.json([])
      return path.startsWith('/info') ? new Response('{"half":') : errorResponse(404, 'no such thing')
    })
    const calls: EngineCall[] = []
    const client = createDockerClient(docker.address, call => void calls.push(call))
    await client.request(list)
    await client.request({ ...list, path: `/containers/${id}/json` }).catch(() => undefined)
    await client.request({ ...list, path: '/info' }).catch(() => undefined)
    await client.stream({ ...list, path: '/events' }, new AbortController().signal).catch(() => undefined)
    expect(calls.map(({ kind, result }) => `${kind} ${result}`)).toEqual([
      'GET /containers/json ok',
      'GET /containers/:id/json refused',
      'GET /info failed',
      'GET /events refused',
    ])
    for (const { ms } of calls) expect(ms).toBeWithin(0, 2_500)
  })
})
