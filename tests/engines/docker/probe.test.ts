import { describe, expect, test } from 'bun:test'
import type { Droplet, Probe } from '../../../src/droplets/engine.ts'
import { parseStandardOutput } from '../../../src/engines/docker/multiplexed-output.ts'
import { parseProbe } from '../../../src/engines/docker/probe.ts'
import { containerDetails, containerEntry, CONTAINER_ID as ID } from '../../testkit/docker/bodies.ts'
import { exceptVersion } from '../../testkit/docker/fake-docker.ts'
import type { Reply } from '../../testkit/docker/http-connection.ts'
import { encodeFrame, errorResponse, neverRespond, rawResponse } from '../../testkit/docker/replies.ts'
import { createTestEngine } from '../../testkit/docker/test-engine.ts'
import { HOST_KEY } from '../../testkit/droplets/droplet.ts'
import { eventually } from '../../testkit/droplets/informer.ts'
import { timed } from '../../testkit/timed.ts'

const EXEC = 'e'.repeat(64)
const KIB = 1024

const noResponse: Probe = { init: undefined, sshResponds: false, hostKey: undefined }
const up: Probe = { init: 'running', sshResponds: true, hostKey: HOST_KEY.key }
const upOutput = `key ${HOST_KEY.key}\nsystemd running\ngreets SSH-\n`

interface ExecResponses {
  create?: () => Response
  start?: () => Reply
  inspect?: () => Response
  details?: () => Response
  list?: () => Response
}

/** An engine with this response to an exec. */
function createExecEngine(exec: ExecResponses) {
  return createTestEngine(({ method, path }) => {
    if (path === `/containers/${ID}/exec`) return (exec.create ?? created)()
    if (path === `/exec/${EXEC}/start`) return (exec.start ?? (() => printed(upOutput)))()
    if (path === `/exec/${EXEC}/json` && method === 'GET') return (exec.inspect ?? (() => execState(true)))()
    if (path === `/containers/${ID}/json`) return (exec.details ?? (() => Response.json(containerDetails())))()
    if (path.startsWith('/containers/json')) return (exec.list ?? (() => listedAs('running')))()
    return undefined
  })
}
const listedAs = (State: string) => Response.json([containerEntry({ State })])
const created = () => Response.json({ Id: EXEC }, { status: 201 })
const execState = (Running: boolean) => Response.json({ ID: EXEC, Running })
const printed = (text: string) =>
  new Response(encodeFrame(text), { headers: { 'content-type': 'application/vnd.docker.raw-stream' } })

/** A response that starts and never ends. */
const endless = (first: Uint8Array, more?: Uint8Array) =>
  new Response(
    new ReadableStream<Uint8Array>({
      start: controller => controller.enqueue(first),
      pull: controller => (more ? controller.enqueue(more) : new Promise(() => undefined)),
    }),
  )

describe('parses the output', () => {
  test.each<[string, Probe]>([
    [upOutput, up],
    ['systemd initializing\n', { ...noResponse, init: 'booting' }],
    ['systemd starting\ngreets SSH-\n', { ...noResponse, init: 'booting', sshResponds: true }],
    ['systemd running\ngreets \n', { ...noResponse, init: 'running' }],
    ['systemd degraded\n', { ...noResponse, init: 'degraded' }],
    ['systemd maintenance\n', { ...noResponse, init: 'degraded' }],
    ['systemd stopping\n', { ...noResponse, init: 'degraded' }],
    ['greets SSH-\n', { ...noResponse, sshResponds: true }],
    // systemd cannot be reached: sshd may be up long before the boot is complete.
    ['systemd \ngreets SSH-\n', noResponse],
    ['systemd offline\ngreets SSH-\n', noResponse],
    ['systemd constructor\ngreets SSH-\n', noResponse],
    [`key ${HOST_KEY.key}\n`, { ...noResponse, hostKey: HOST_KEY.key }],
    ['key ssh-ed25519 AAAA\n', noResponse],
    ['key \n', noResponse],
    ['greets HTTP\n', noResponse],
    ['greets SSH-2.0\n', noResponse],
    ['sh: systemd running greets SSH-\n', noResponse],
    ['', noResponse],
  ])('%p', (output, probe) => {
    expect(parseProbe(output)).toEqual(probe)
  })
})

describe('multiplexed output', () => {
  test('yields standard output without standard error', () => {
    const stream = Buffer.concat([
      encodeFrame('systemd run'),
      encodeFrame('systemd degraded\n', 2),
      encodeFrame('ning\n'),
    ])
    expect(parseStandardOutput(stream)).toBe('systemd running\n')
  })

  test.each([
    ['nothing', new Uint8Array(0), ''],
    ['half a head', encodeFrame('text').subarray(0, 7), ''],
    ['half a piece', encodeFrame('text').subarray(0, 10), 'te'],
    ['plain text', Buffer.from('a text without frames'), ''],
    ['a length that is a lie', Buffer.concat([Buffer.from([1, 0, 0, 0, 255, 255, 255, 255]), Buffer.from('te')]), 'te'],
  ])('is read as far as possible: %s', (_, stream, text) => {
    expect(parseStandardOutput(stream)).toBe(text)
  })
})

describe('a probe', () => {
  test('is one exec, whose output it parses', async () => {
    await using docker = createExecEngine({})
    expect(await docker.engine.probe(ID)).toEqual(up)
    expect(docker.requestLines()).toEqual([
      'GET /version',
      `POST /v1.41/containers/${ID}/exec`,
      `POST /v1.41/exec/${EXEC}/start`,
    ])
    const [, create, start] = docker.requests.map(({ body }) => (body === '' ? {} : JSON.parse(body)))
    expect(create).toEqual({ AttachStdout: true, AttachStderr: false, Cmd: ['sh', '-c', expect.any(String)] })
    expect(start).toEqual({ Detach: false, Tty: false })
  })

  test.each<[string, ExecResponses]>([
    ['is gone', { create: () => errorResponse(404, `No such container: ${ID}`) }],
    ['is paused', { create: () => errorResponse(409, `Container ${ID} is paused`) }],
    ['has no sh', { start: () => errorResponse(400, 'OCI runtime exec failed: "sh": executable file not found') }],
    ['cannot be entered', { start: () => errorResponse(500, 'OCI runtime exec failed: broken') }],
    ['prints nothing', { start: () => printed('') }],
    ['prints more than anybody reads', { start: () => printed(upOutput + 'a'.repeat(64 * KIB)) }],
    ['does not end to print', { start: () => endless(encodeFrame(upOutput), encodeFrame('a'.repeat(KIB))) }],
    ['prints without a form', { start: () => new Response(upOutput) }],
  ])('is empty for a droplet that %s', async (_, exec) => {
    await using docker = createExecEngine(exec)
    expect(await docker.engine.probe(ID)).toEqual(noResponse)
  })

  test('ends within 8 seconds if it hangs, and no other starts until the exec has ended', async () => {
    let isRunning = true
    let starts = 0
    await using docker = createExecEngine({
      start: () => (starts++ === 0 ? endless(encodeFrame(upOutput)) : printed(upOutput)),
      inspect: () => execState(isRunning),
    })
    const { ms, result } = await timed(docker.engine.probe(ID))
    expect(result).toEqual(noResponse)
    expect(ms).toBeLessThan(8_000)
    docker.requests.length = 0
    expect(await docker.engine.probe(ID)).toEqual(noResponse)
    expect(docker.requestLines()).toEqual([`GET /v1.41/exec/${EXEC}/json`])
    isRunning = false
    expect(await docker.engine.probe(ID)).toEqual(up)
  })

  test('does not start while the state of a hanging exec is unknown', async () => {
    await using docker = createExecEngine({
      start: () => printed('a'.repeat(65 * KIB)),
      inspect: () => errorResponse(500, 'broken'),
    })
    expect(await docker.engine.probe(ID)).toEqual(noResponse)
    docker.requests.length = 0
    for (let count = 0; count < 2; count++) expect(await docker.engine.probe(ID)).toEqual(noResponse)
    expect(docker.requestLines()).toEqual([`GET /v1.41/exec/${EXEC}/json`, `GET /v1.41/exec/${EXEC}/json`])
  })

  test('starts again when the engine no longer knows the hanging exec', async () => {
    let starts = 0
    await using docker = createExecEngine({
      start: () => (starts++ === 0 ? printed('a'.repeat(65 * KIB)) : printed(upOutput)),
      inspect: () => errorResponse(404, 'No such exec instance'),
    })
    expect(await docker.engine.probe(ID)).toEqual(noResponse)
    expect(await docker.engine.probe(ID)).toEqual(up)
  })

  test.each<[string, ExecResponses]>([
    ['answers something else', { create: () => Response.json({ Id: '../../version' }, { status: 201 }) }],
    ['answers nothing', { create: () => new Response(null, { status: 204 }) }],
    ['breaks off', { start: () => new Response('{"message":', { status: 500 }) }],
  ])('is 918 for an engine that %s', async (_, exec) => {
    await using docker = createExecEngine(exec)
    await expect(docker.engine.probe(ID)).rejects.toMatchObject({ errorId: 918 })
    expect(docker.requestLines().every(line => !line.includes('..'))).toBe(true)
  })

  test('is 918 for an engine that does not start a response', async () => {
    await using docker = createTestEngine(exceptVersion(() => neverRespond))
    await expect(docker.engine.probe(ID)).rejects.toMatchObject({ errorId: 918 })
  })

  test('is 918 if the engine goes away during the output', async () => {
    const start = () => rawResponse('200 OK', new TextDecoder().decode(encodeFrame(upOutput)), 1_000)
    await using docker = createExecEngine({ start })
    await expect(docker.engine.probe(ID)).rejects.toMatchObject({ errorId: 918 })
  })
})

// Docker 20.10 hangs on inspections of a container that was paused while an exec was starting in it.
describe('while a probe is starting in a droplet', () => {
  const inspectRequest = `GET /v1.41/containers/${ID}/json`
  const hasStarted = (docker: ReturnType<typeof createExecEngine>) => async () =>
    docker.requestLines().some(line => line.endsWith('/start'))
  /** The head of a response; the body waits until it is released. */
  function createHeldStart() {
    let respond: (bytes: Uint8Array) => void = () => undefined
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        respond = bytes => {
          controller.enqueue(bytes)
          controller.close()
        }
      },
    })
    return { start: () => new Response(body), release: () => respond(encodeFrame(upOutput)) }
  }

  test('a paused droplet is reported as paused without an inspection', async () => {
    const exec = createHeldStart()
    let state = 'running'
    await using docker = createExecEngine({ start: exec.start, list: () => listedAs(state) })
    const before = await docker.engine.inspect(ID)
    const probing = docker.engine.probe(ID)
    await eventually(hasStarted(docker))
    state = 'paused'
    docker.requests.length = 0
    expect(await docker.engine.inspect(ID)).toEqual({ ...before, state: 'paused' } as Droplet)
    expect(docker.requestLines()).not.toContain(inspectRequest)
    exec.release()
    expect(await probing).toEqual(up)
    expect(await docker.engine.inspect(ID)).toMatchObject({ state: 'running' })
  })

  test('a running droplet is inspected once the probe has started', async () => {
    const exec = createHeldStart()
    await using docker = createExecEngine({ start: exec.start })
    await docker.engine.inspect(ID)
    const probing = docker.engine.probe(ID)
    await eventually(hasStarted(docker))
    docker.requests.length = 0
    const droplet = docker.engine.inspect(ID)
    await eventually(async () => docker.requestLines().length > 0)
    expect(docker.requestLines()).not.toContain(inspectRequest)
    exec.release()
    expect(await droplet).toMatchObject({ state: 'running' })
    expect(docker.requestLines()).toContain(inspectRequest)
    await probing
  })

  test('a droplet whose probe takes too long to start is inspected anyway', async () => {
    await using docker = createExecEngine({ start: createHeldStart().start })
    await docker.engine.inspect(ID)
    const probing = docker.engine.probe(ID).catch(() => undefined)
    await eventually(hasStarted(docker))
    const { ms } = await timed(docker.engine.inspect(ID))
    expect(ms).toBeWithin(900, 2_500)
    expect(docker.requestLines()).toContain(inspectRequest)
    await probing
  })

  test.each<[string, ExecResponses]>([
    [
      'cannot be entered',
      { start: () => errorResponse(400, 'OCI runtime exec failed: "sh": executable file not found') },
    ],
    ['was entered and left', { start: () => printed('') }],
  ])('inspects at once a droplet that %s', async (_, exec) => {
    await using docker = createExecEngine(exec)
    await docker.engine.inspect(ID)
    await docker.engine.probe(ID)
    docker.requests.length = 0
    await docker.engine.inspect(ID)
    expect(docker.requestLines()).toEqual([inspectRequest])
  })
})
