import { describe, expect, test } from 'bun:test'
import { createDockerClient } from '../../../src/engines/docker/client.ts'
import { createDockerEngine } from '../../../src/engines/docker/engine.ts'
import { createFakeDocker, exceptVersion } from '../../testkit/docker/fake-docker.ts'
import {
  closeConnection,
  errorResponse,
  neverRespond,
  rawResponse,
  sendBytes,
  stall,
  trickle,
} from '../../testkit/docker/replies.ts'
import { createTestEngine } from '../../testkit/docker/test-engine.ts'
import { tempDir } from '../../testkit/temp-dir.ts'

const MIB = 1024 * 1024

const engineAt = (address: Parameters<typeof createDockerClient>[0]) =>
  createDockerEngine(createDockerClient(address), { image: 'debian', prefix: 'cikit' })

/** Queries for which a broken engine must never yield an empty result. */
const queries = {
  'a list': engine => engine.list(),
  'a search for a mark': engine => engine.removeMarked('mark', true),
} satisfies Record<string, (engine: ReturnType<typeof engineAt>) => Promise<unknown>>

const unavailable = { errorId: 918, status: 503, message: expect.not.stringContaining('docker.sock') }

describe.each(Object.entries(queries))('%s is 918, never empty,', (_, query) => {
  test('when there is no socket', async () => {
    using dir = tempDir()
    await expect(query(engineAt({ kind: 'unix', path: `${dir.path}/docker.sock` }))).rejects.toMatchObject(unavailable)
  })

  test('when nothing listens at the address', async () => {
    const listener = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } })
    const origin = `http://127.0.0.1:${listener.port}`
    listener.stop(true)
    await expect(query(engineAt({ kind: 'tcp', origin }))).rejects.toMatchObject(unavailable)
  })

  test.each([
    ['the connection is closed without a word', closeConnection],
    ['something else than HTTP is spoken', sendBytes('SSH-2.0-OpenSSH_9.2\r\n')],
    ['the answer ends in the middle', rawResponse('200 OK', '[', 100)],
    ['the answer is half a JSON', rawResponse('200 OK', '[{"Id":"7e16c2')],
    ['the answer has no body', rawResponse('200 OK', '')],
    ['the answer is 204', sendBytes('HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n')],
    ['the answer is 304', sendBytes('HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n')],
    ['the answer is null', rawResponse('200 OK', 'null')],
    ['the answer is no list', rawResponse('200 OK', '{"containers":[]}')],
    ['the answer is a list of something else', rawResponse('200 OK', '[1]')],
    ['the answer is HTML', rawResponse('200 OK', '<!doctype html><p>It works!')],
    ['the answer is 500 with words', rawResponse('500 Internal Server Error', '{"message":"layer store is gone"}')],
    ['the answer is 500 with a list', rawResponse('500 Internal Server Error', '[]')],
    ['the answer is 404 with words', rawResponse('404 Not Found', '{"message":"page not found"}')],
    ['the answer is 404 with HTML', rawResponse('404 Not Found', '<h1>nginx</h1>')],
    ['the answer is an error with words that are no text', rawResponse('400 Bad Request', '{"message":{}}')],
  ])('when %s', async (_, response) => {
    await using docker = createTestEngine(exceptVersion(() => response))
    await expect(query(docker.engine)).rejects.toMatchObject(unavailable)
  })

  test('when the response is a redirect, which is not followed', async () => {
    await using elsewhere = createFakeDocker(() => Response.json([]), { transport: 'tcp' })
    await using docker = createTestEngine(exceptVersion(() => Response.redirect(elsewhere.origin, 301)))
    await expect(query(docker.engine)).rejects.toMatchObject(unavailable)
    expect(elsewhere.requests).toEqual([])
  })

  test('when the response is too large', async () => {
    await using docker = createTestEngine(exceptVersion(() => new Response(`[${' '.repeat(17 * MIB)}]`)))
    await expect(query(docker.engine)).rejects.toMatchObject(unavailable)
  })

  test('when it is rejected, without the engine’s message', async () => {
    await using docker = createTestEngine(
      exceptVersion(() => errorResponse(500, 'open /etc/docker/secret: no such file')),
    )
    await expect(query(docker.engine)).rejects.toMatchObject({
      errorId: 918,
      message: 'The container engine cannot be reached or did not answer in time',
    })
  })
})

test('returns 918 within 3 seconds, wherever the engine falls silent', async () => {
  const slowVersion = async ({ path }: { path: string }) => {
    if (path !== '/version') return neverRespond
    await Bun.sleep(1500)
    return Response.json({ ApiVersion: '1.41' })
  }
  await using silentList = createTestEngine(exceptVersion(() => neverRespond))
  await using stalling = createTestEngine(exceptVersion(() => stall('[', 1000)))
  await using trickling = createTestEngine(exceptVersion(() => trickle('[', 1000, 200)))
  await using silent = createTestEngine(() => neverRespond)
  await using slow = createTestEngine(slowVersion)
  const engines = {
    'on the list': silentList.engine,
    'in the middle of the list': stalling.engine,
    'between any two bytes of the list': trickling.engine,
    'from the start': silent.engine,
    'after most of the time for its version': slow.engine,
  }
  const results = Object.entries(engines).map(async ([where, engine]) => {
    const start = performance.now()
    const error = await engine.list().catch((thrown: unknown) => thrown)
    return { where, error, inTime: performance.now() - start < 3000 }
  })
  expect(await Promise.all(results)).toEqual(
    Object.keys(engines).map(where => ({ where, error: expect.objectContaining({ errorId: 918 }), inTime: true })),
  )
})

test.each([
  ['is no JSON', 'hello'],
  ['has no version', '{}'],
  ['is empty', ''],
])('an engine whose response to /version %s is 918', async (_, body) => {
  await using docker = createTestEngine(() => new Response(body))
  await expect(docker.engine.list()).rejects.toMatchObject(unavailable)
})

test('reconnects at once to an engine that is back', async () => {
  let broken = true
  await using docker = createTestEngine(({ path }) => {
    if (broken) return new Response('', { status: 502 })
    return path === '/version' ? undefined : Response.json([])
  })
  await expect(docker.engine.list()).rejects.toMatchObject(unavailable)
  broken = false
  expect(await docker.engine.list()).toEqual([])
})

test('an invalid /info is 918 before anything is created', async () => {
  await using docker = createTestEngine(({ path }) => (path === '/info' ? errorResponse(500, 'broken') : undefined))
  await expect(docker.prepare()).rejects.toMatchObject(unavailable)
  expect(docker.requestLines()).toEqual(['GET /version', 'GET /v1.41/info'])
})
