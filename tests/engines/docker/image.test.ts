import { describe, expect, test } from 'bun:test'
import { parseTar } from 'nanotar'
import { DEFAULT_IMAGE } from '../../../src/config/parse.ts'
import dockerfile from '../../../src/engines/docker/droplet-image/Dockerfile' with { type: 'text' }
import { errorResponse } from '../../testkit/docker/replies.ts'
import { createTestEngine } from '../../testkit/docker/test-engine.ts'

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`

const streamOf = (...lines: object[]) => new Response(lines.map(line => `${JSON.stringify(line)}\r\n`).join(''))

/** An engine without the image, with this response to a build or pull. */
function createEngineWithout(image: string, respond: () => Response = () => streamOf({ status: 'Done' })) {
  return createTestEngine(({ method, path }) => {
    if (path.startsWith('/images/') && path.endsWith('/json')) return errorResponse(404, `No such image: ${image}`)
    return method === 'POST' ? respond() : undefined
  }, image)
}

test.each([DEFAULT_IMAGE, 'debian', 'registry.test:5000/a/b:1'])(
  '%s is left as it is when it is there',
  async image => {
    await using docker = createTestEngine(
      ({ path }) => (path.startsWith('/images/') ? Response.json({ Id: DIGEST }) : undefined),
      image,
    )
    await docker.prepare()
    expect(docker.requestLines()).toEqual(['GET /version', 'GET /v1.41/info', `GET /v1.41/images/${image}/json`])
  },
)

test('builds the default image from the embedded Dockerfile if it is absent, and never pulls it', async () => {
  await using docker = createEngineWithout(DEFAULT_IMAGE, () =>
    streamOf({ stream: 'Step 1/9 : FROM debian\n' }, { aux: { ID: DIGEST } }, { stream: 'Done\n' }),
  )
  await docker.prepare()
  expect(docker.requestLines().slice(2)).toEqual([
    `GET /v1.41/images/${DEFAULT_IMAGE}/json`,
    `POST /v1.41/build?t=${DEFAULT_IMAGE}&rm=1&forcerm=1`,
  ])
  const files = parseTar(new TextEncoder().encode(docker.requests.at(-1)?.body))
  expect(files.map(({ name, text }) => ({ name, text }))).toEqual([{ name: 'Dockerfile', text: dockerfile }])
  expect(docker.progress).toEqual([
    { text: 'Step 1/9 : FROM debian', done: 0, total: 9 },
    { text: 'Done', done: 0, total: 9 },
  ])
})

describe('pulls another image if it is absent', () => {
  test.each([
    ['debian', 'debian:latest'],
    ['debian:12', 'debian:12'],
    ['br0ken/ubuntu-systemd', 'br0ken/ubuntu-systemd:latest'],
    ['registry.test:5000/vm', 'registry.test:5000/vm:latest'],
    ['registry.test:5000/team/vm:2', 'registry.test:5000/team/vm:2'],
    ['localhost:5000/vm', 'localhost:5000/vm:latest'],
    [`debian@${DIGEST}`, `debian@${DIGEST}`],
    [`registry.test:5000/vm:2@${DIGEST}`, `registry.test:5000/vm:2@${DIGEST}`],
  ])('%s as %s', async (image, pulled) => {
    await using docker = createEngineWithout(image)
    await docker.prepare()
    expect(docker.requestLines().slice(2)).toEqual([
      `GET /v1.41/images/${image}/json`,
      `POST /v1.41/images/create?fromImage=${pulled}`,
    ])
  })

  test('and reports its progress', async () => {
    await using docker = createEngineWithout('debian', () =>
      streamOf({ status: 'Pulling from debian', id: '12' }, { status: 'Digest: x' }, { progressDetail: {} }),
    )
    await docker.prepare()
    expect(docker.progress).toEqual([{ text: '12: Pulling from debian' }, { text: 'Digest: x' }])
  })

  test('and sums the downloaded bytes of all layers', async () => {
    const layer = (id: string, status: string, current?: number, total?: number) => ({
      ...{ id, status, progressDetail: { current, total } },
    })
    await using docker = createEngineWithout('debian', () =>
      streamOf(
        // An empty layer, and one of unknown size.
        layer('d', 'Downloading', 0, 0),
        layer('c', 'Downloading', 7),
        layer('a', 'Downloading', 10, 100),
        // More than the total.
        layer('b', 'Downloading', 60, 50),
        // Extraction, not download.
        layer('b', 'Extracting', 5, 500),
        layer('a', 'Download complete'),
        { status: 'Status: done' },
      ),
    )
    await docker.prepare()
    expect(docker.progress.map(({ text, done, total }) => `${text} ${done}/${total}`)).toEqual([
      'd: Downloading undefined/undefined',
      'c: Downloading undefined/undefined',
      'a: Downloading 10/100',
      'b: Downloading 60/150',
      'b: Extracting 60/150',
      'a: Download complete 150/150',
      'Status: done 150/150',
    ])
  })
})

test.each([DEFAULT_IMAGE, 'debian'])('aborting cancels the preparation of %s', async image => {
  const controller = new AbortController()
  const requested = Promise.withResolvers<void>()
  // An engine that falls silent.
  await using docker = createEngineWithout(image, () => {
    requested.resolve()
    return new Response(new ReadableStream({ start: stream => stream.enqueue('{"status":"Working"}\n') }))
  })
  const prepared = docker.prepare(controller.signal).catch(error => error)
  await requested.promise
  controller.abort()
  expect(await prepared).toBeInstanceOf(Error)
})

test.each(['localhost/vm', 'localhost/team/vm:1'])('never pulls %s: 924 with instructions', async image => {
  await using docker = createEngineWithout(image)
  await expect(docker.prepare()).rejects.toMatchObject({
    errorId: 924,
    message: expect.stringMatching(new RegExp(`^The droplet image is not available: ${image} is not.*build or load`)),
  })
  expect(docker.requestLines().filter(request => request.startsWith('POST'))).toEqual([])
})

describe.each([
  [DEFAULT_IMAGE, 'built'],
  ['debian:12', 'pulled'],
])('%s cannot be %s', (image, done) => {
  const failure = `The droplet image is not available: ${image} cannot be ${done}: no space left on device`

  test('when a line of the stream reports an error: 924 with the engine’s message', async () => {
    const error = 'no space left on device'
    await using docker = createEngineWithout(image, () =>
      streamOf(
        { stream: 'Working', status: 'Working' },
        { errorDetail: { message: error }, error },
        { status: 'never said' },
      ),
    )
    await expect(docker.prepare()).rejects.toMatchObject({ errorId: 924, status: 503, message: failure })
    expect(docker.progress).toEqual([{ text: 'Working' }])
  })

  test('when the engine rejects it: 924 with its message', async () => {
    await using docker = createEngineWithout(image, () => errorResponse(500, 'no space left on device'))
    await expect(docker.prepare()).rejects.toMatchObject({ errorId: 924, message: failure })
  })

  test.each([
    ['with half a line', () => new Response('{"status":"Wor')],
    ['with no JSON', () => new Response('<h1>proxy</h1>\n')],
    ['as a proxy does', () => new Response('<h1>proxy</h1>', { status: 502 })],
    ['with a redirection', () => Response.redirect('http://localhost/elsewhere', 301)],
  ])('when the engine responds with %s: 918', async (_, respond) => {
    await using docker = createEngineWithout(image, respond)
    await expect(docker.prepare()).rejects.toMatchObject({ errorId: 918 })
  })
})

test('builds nothing if the engine fails to report whether it has the image', async () => {
  await using docker = createTestEngine(({ path }) =>
    path.startsWith('/images/') ? errorResponse(500, 'broken') : undefined,
  )
  await expect(docker.prepare()).rejects.toMatchObject({ errorId: 918 })
  expect(docker.requestLines().filter(request => request.startsWith('POST'))).toEqual([])
})

test('does not prepare an image on an unfit engine', async () => {
  const info = { ServerVersion: '28.5.2', OSType: 'windows', SecurityOptions: [] }
  await using docker = createTestEngine(({ path }) => (path === '/info' ? Response.json(info) : undefined))
  await expect(docker.prepare()).rejects.toMatchObject({ errorId: 923 })
  expect(docker.requestLines()).toEqual(['GET /version', 'GET /v1.41/info'])
})
