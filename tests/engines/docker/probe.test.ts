import { describe, expect, test } from 'bun:test'
import type { Droplet, Probe } from '../../../src/droplets/engine.ts'
import { parseOutput } from '../../../src/engines/docker/answers.ts'
import { createDockerClient } from '../../../src/engines/docker/client.ts'
import { createDockerEngine } from '../../../src/engines/docker/engine.ts'
import { parseProbe } from '../../../src/engines/docker/probe.ts'
import { containerDetails, containerEntry, createTestEngine, frame, refusal } from '../../_support/docker-engine.ts'
import { HOST_KEY } from '../../_support/droplet.ts'
import type { Recorded } from '../../_support/fake-docker.ts'
import { eventually } from '../../_support/live.ts'
import { answerOf, createRawDocker } from '../../_support/raw-docker.ts'
import { timed } from '../../_support/timed.ts'

const ID = '7e16c2cb0bf6'.padEnd(64, '0')
const EXEC = 'e'.repeat(64)
const KIB = 1024

const silent: Probe = { init: undefined, greets: false, hostKey: undefined }
const up: Probe = { init: 'running', greets: true, hostKey: HOST_KEY.key }
const saysUp = `key ${HOST_KEY.key}\nsystemd running\ngreets SSH-\n`

interface Exec {
  create?: () => Response
  start?: () => Response
  inspect?: () => Response
  look?: () => Response
  list?: () => Response
}

/** An engine in whose droplet an exec goes so. */
function execs(exec: Exec) {
  return createTestEngine(({ method, path }: Recorded) => {
    if (path === `/containers/${ID}/exec`) return (exec.create ?? created)()
    if (path === `/exec/${EXEC}/start`) return (exec.start ?? (() => printed(saysUp)))()
    if (path === `/exec/${EXEC}/json` && method === 'GET') return (exec.inspect ?? (() => runs(true)))()
    if (path === `/containers/${ID}/json`) return (exec.look ?? (() => Response.json(containerDetails())))()
    if (path.startsWith('/containers/json')) return (exec.list ?? (() => listedAs('running')))()
    return undefined
  })
}
const listedAs = (State: string) => Response.json([containerEntry({ State })])
const created = () => Response.json({ Id: EXEC }, { status: 201 })
const runs = (Running: boolean) => Response.json({ ID: EXEC, Running })
const printed = (text: string) =>
  new Response(new Uint8Array(frame(text)), { headers: { 'content-type': 'application/vnd.docker.raw-stream' } })

/** What is begun and does not end. */
const endless = (first: Uint8Array, more?: Uint8Array) =>
  new Response(
    new ReadableStream<Uint8Array>({
      start: controller => controller.enqueue(first),
      pull: controller => (more ? controller.enqueue(more) : new Promise(() => undefined)),
    }),
  )

describe('what a droplet prints', () => {
  test.each<[string, Probe]>([
    [saysUp, up],
    ['systemd initializing\n', { ...silent, init: 'booting' }],
    ['systemd starting\ngreets SSH-\n', { ...silent, init: 'booting', greets: true }],
    ['systemd running\ngreets \n', { ...silent, init: 'running' }],
    ['systemd degraded\n', { ...silent, init: 'degraded' }],
    ['systemd maintenance\n', { ...silent, init: 'degraded' }],
    ['systemd stopping\n', { ...silent, init: 'degraded' }],
    ['greets SSH-\n', { ...silent, greets: true }],
    // A systemd that is not reached: an sshd may be up long before it is done.
    ['systemd \ngreets SSH-\n', silent],
    ['systemd offline\ngreets SSH-\n', silent],
    ['systemd constructor\ngreets SSH-\n', silent],
    [`key ${HOST_KEY.key}\n`, { ...silent, hostKey: HOST_KEY.key }],
    ['key ssh-ed25519 AAAA\n', silent],
    ['key \n', silent],
    ['greets HTTP\n', silent],
    ['greets SSH-2.0\n', silent],
    ['sh: systemd running greets SSH-\n', silent],
    ['', silent],
  ])('%p', (said, found) => {
    expect(parseProbe(said)).toEqual(found)
  })
})

describe('a stream of Docker’s', () => {
  test('is put together from its pieces, without what is an error', () => {
    const stream = Buffer.concat([frame('systemd run'), frame('systemd degraded\n', 2), frame('ning\n')])
    expect(parseOutput(stream)).toBe('systemd running\n')
  })

  test.each([
    ['nothing', new Uint8Array(0), ''],
    ['half a head', frame('text').subarray(0, 7), ''],
    ['half a piece', frame('text').subarray(0, 10), 'te'],
    ['no stream', Buffer.from('a text that is none'), ''],
    ['a length that is a lie', Buffer.concat([Buffer.from([1, 0, 0, 0, 255, 255, 255, 255]), Buffer.from('te')]), 'te'],
  ])('is read as far as it goes: %s', (_, stream, text) => {
    expect(parseOutput(stream)).toBe(text)
  })
})

describe('a look into a droplet', () => {
  test('is one exec, and finds what that prints', async () => {
    await using docker = execs({})
    expect(await docker.engine.probe(ID)).toEqual(up)
    expect(docker.asked()).toEqual([
      'GET /version',
      `POST /v1.41/containers/${ID}/exec`,
      `POST /v1.41/exec/${EXEC}/start`,
    ])
    const [, create, start] = docker.requests.map(({ body }) => (body === '' ? {} : JSON.parse(body)))
    expect(create).toEqual({ AttachStdout: true, AttachStderr: false, Cmd: ['sh', '-c', expect.any(String)] })
    expect(start).toEqual({ Detach: false, Tty: false })
  })

  test.each<[string, Exec]>([
    ['is gone', { create: () => refusal(404, `No such container: ${ID}`) }],
    ['is paused', { create: () => refusal(409, `Container ${ID} is paused`) }],
    ['has no sh', { start: () => refusal(400, 'OCI runtime exec failed: "sh": executable file not found') }],
    ['cannot be entered', { start: () => refusal(500, 'OCI runtime exec failed: broken') }],
    ['prints nothing', { start: () => printed('') }],
    ['prints more than anybody reads', { start: () => printed(saysUp + 'a'.repeat(64 * KIB)) }],
    ['does not end to print', { start: () => endless(frame(saysUp), frame('a'.repeat(KIB))) }],
    ['prints without a form', { start: () => new Response(saysUp) }],
  ])('finds nothing in one that %s', async (_, exec) => {
    await using docker = execs(exec)
    expect(await docker.engine.probe(ID)).toEqual(silent)
  })

  test('is over within 8 seconds in one that hangs, which is not entered again until that has ended', async () => {
    let isRunning = true
    let starts = 0
    await using docker = execs({
      start: () => (starts++ === 0 ? endless(frame(saysUp)) : printed(saysUp)),
      inspect: () => runs(isRunning),
    })
    const { ms, answer } = await timed(docker.engine.probe(ID))
    expect(answer).toEqual(silent)
    expect(ms).toBeLessThan(8_000)
    docker.requests.length = 0
    expect(await docker.engine.probe(ID)).toEqual(silent)
    expect(docker.asked()).toEqual([`GET /v1.41/exec/${EXEC}/json`])
    isRunning = false
    expect(await docker.engine.probe(ID)).toEqual(up)
  })

  test('does not enter again while the engine will not tell what became of one that hung', async () => {
    await using docker = execs({
      start: () => printed('a'.repeat(65 * KIB)),
      inspect: () => refusal(500, 'broken'),
    })
    expect(await docker.engine.probe(ID)).toEqual(silent)
    docker.requests.length = 0
    for (let count = 0; count < 2; count++) expect(await docker.engine.probe(ID)).toEqual(silent)
    expect(docker.asked()).toEqual([`GET /v1.41/exec/${EXEC}/json`, `GET /v1.41/exec/${EXEC}/json`])
  })

  test('goes on when the engine has forgotten what hung', async () => {
    let starts = 0
    await using docker = execs({
      start: () => (starts++ === 0 ? printed('a'.repeat(65 * KIB)) : printed(saysUp)),
      inspect: () => refusal(404, 'No such exec instance'),
    })
    expect(await docker.engine.probe(ID)).toEqual(silent)
    expect(await docker.engine.probe(ID)).toEqual(up)
  })

  test.each<[string, Exec]>([
    ['answers something else', { create: () => Response.json({ Id: '../../version' }, { status: 201 }) }],
    ['answers nothing', { create: () => new Response(null, { status: 204 }) }],
    ['breaks off', { start: () => new Response('{"message":', { status: 500 }) }],
  ])('is 918 with an engine that %s', async (_, exec) => {
    await using docker = execs(exec)
    await expect(docker.engine.probe(ID)).rejects.toMatchObject({ errorId: 918 })
    expect(docker.asked().every(line => !line.includes('..'))).toBe(true)
  })

  test('is 918 with an engine that does not begin to answer', async () => {
    await using docker = createTestEngine(({ path }) =>
      path === '/version' ? undefined : new Promise<Response>(() => undefined),
    )
    await expect(docker.engine.probe(ID)).rejects.toMatchObject({ errorId: 918 })
  })

  test('is 918 when the engine goes away while the droplet prints', async () => {
    using docker = createRawDocker(request =>
      request.includes(`/exec/${EXEC}/start`)
        ? answerOf('200 OK', frame(saysUp).toString(), 1_000)
        : answerOf('201 Created', JSON.stringify({ Id: EXEC })),
    )
    const options = { image: 'debian', prefix: 'cikit' }
    const engine = createDockerEngine(createDockerClient(docker.address), options)
    await expect(engine.probe(ID)).rejects.toMatchObject({ errorId: 918 })
  })
})

// Docker 20.10 answers nothing more about a container that is paused while an exec starts in it, once it was asked.
describe('while a look is being started in a droplet', () => {
  const asksLook = `GET /v1.41/containers/${ID}/json`
  const begun = (docker: ReturnType<typeof execs>) => async () => docker.asked().some(line => line.endsWith('/start'))
  /** The head of an answer, and nothing more until it is released. */
  function held() {
    let say: (bytes: Uint8Array) => void = () => undefined
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        say = bytes => {
          controller.enqueue(bytes)
          controller.close()
        }
      },
    })
    return { start: () => new Response(body), release: () => say(frame(saysUp)) }
  }

  test('one that was paused is told to be so without being asked about', async () => {
    const exec = held()
    let state = 'running'
    await using docker = execs({ start: exec.start, list: () => listedAs(state) })
    const before = await docker.engine.inspect(ID)
    const look = docker.engine.probe(ID)
    await eventually(begun(docker))
    state = 'paused'
    docker.requests.length = 0
    expect(await docker.engine.inspect(ID)).toEqual({ ...before, state: 'paused' } as Droplet)
    expect(docker.asked()).not.toContain(asksLook)
    exec.release()
    expect(await look).toEqual(up)
    expect(await docker.engine.inspect(ID)).toMatchObject({ state: 'running' })
  })

  test('one that runs is asked about when it has started', async () => {
    const exec = held()
    await using docker = execs({ start: exec.start })
    await docker.engine.inspect(ID)
    const look = docker.engine.probe(ID)
    await eventually(begun(docker))
    docker.requests.length = 0
    const droplet = docker.engine.inspect(ID)
    await eventually(async () => docker.asked().length > 0)
    expect(docker.asked()).not.toContain(asksLook)
    exec.release()
    expect(await droplet).toMatchObject({ state: 'running' })
    expect(docker.asked()).toContain(asksLook)
    await look
  })

  test('one that takes too long for it is asked about all the same', async () => {
    await using docker = execs({ start: held().start })
    await docker.engine.inspect(ID)
    const look = docker.engine.probe(ID).catch(() => undefined)
    await eventually(begun(docker))
    const { ms } = await timed(docker.engine.inspect(ID))
    expect(ms).toBeWithin(900, 2_500)
    expect(docker.asked()).toContain(asksLook)
    await look
  })

  test.each<[string, Exec]>([
    ['cannot be entered', { start: () => refusal(400, 'OCI runtime exec failed: "sh": executable file not found') }],
    ['was entered and left', { start: () => printed('') }],
  ])('and in one that %s nothing is waited for', async (_, exec) => {
    await using docker = execs(exec)
    await docker.engine.inspect(ID)
    await docker.engine.probe(ID)
    docker.requests.length = 0
    await docker.engine.inspect(ID)
    expect(docker.asked()).toEqual([asksLook])
  })
})
