import { expect, test } from 'bun:test'
import type { NewDroplet } from '../../../src/droplets/engine.ts'
import { NameTakenError } from '../../../src/droplets/engine.ts'
import { CONTAINER_ID } from '../../testkit/docker/bodies.ts'
import { encodeFrame, upgradeWithOutput } from '../../testkit/docker/replies.ts'
import { createTestEngine } from '../../testkit/docker/test-engine.ts'

// All calls of the adapter, one after another, with in-memory containers.

const newDroplet: NewDroplet = {
  name: 'cikit07',
  hostname: 'cikit07.matrix.test',
  ports: [{ host: '127.0.0.1', hostPort: 2207, dropletPort: 22 }],
  authorizedKeys: 'ssh-ed25519 AAAA cikit07\n',
  mark: 'b2f6a3f0-mark',
  createdBy: 'ann',
}
const ports = { '22': { type: 'tcp', from: { ip: '127.0.0.1', port: 2207 } } }
const signal = () => new AbortController().signal

async function readText(output: AsyncIterable<{ bytes: Uint8Array }>): Promise<string> {
  let text = ''
  for await (const { bytes } of output) text += new TextDecoder().decode(bytes)
  return text
}

test('a droplet is created, started, stopped and removed', async () => {
  await using docker = createTestEngine()
  const { engine } = docker
  await docker.prepare()
  const id = await engine.create(newDroplet)
  await expect(engine.create(newDroplet)).rejects.toBeInstanceOf(NameTakenError)
  expect(await engine.list()).toEqual([{ id, name: 'cikit07' }])
  expect(await engine.inspect(id)).toMatchObject({
    hostname: 'cikit07.matrix.test',
    createdBy: 'ann',
    state: 'created',
  })
  await engine.start(id)
  expect(await engine.inspect(id)).toMatchObject({ state: 'running', ports, finishedAt: undefined })
  await engine.stop(id)
  expect(await engine.inspect(id)).toMatchObject({ state: 'exited', ports: {}, finishedAt: expect.any(Number) })
  expect(docker.stateOf('cikit07')).toBe('exited')
  await engine.remove(id)
  expect(await engine.inspect(id)).toBeUndefined()
  expect(await engine.list()).toEqual([])
})

test('only the droplet with the mark is removed', async () => {
  await using docker = createTestEngine()
  docker.addRunningDroplet('cikit01')
  await docker.engine.create(newDroplet)
  expect(await docker.engine.removeMarked(newDroplet.mark, true)).toBe(true)
  expect((await docker.engine.list()).map(({ name }) => name)).toEqual(['cikit01'])
  expect(await docker.engine.removeMarked(newDroplet.mark, true)).toBe(false)
})

test('each change of a droplet is an event', async () => {
  await using docker = createTestEngine()
  docker.addRunningDroplet('cikit01')
  const [droplet] = await docker.engine.list()
  const controller = new AbortController()
  const events = (await docker.engine.events(controller.signal))[Symbol.asyncIterator]()
  for (const change of ['stop', 'start', 'remove'] as const) {
    const next = events.next()
    await docker.engine[change](droplet?.id ?? '')
    expect(await next).toMatchObject({ value: { id: droplet?.id } })
  }
  controller.abort()
  await expect(events.next()).rejects.toThrow()
})

test('usage, console and programs of a running droplet are readable', async () => {
  await using docker = createTestEngine()
  docker.addRunningDroplet('cikit01')
  const [{ id } = { id: '' }] = await docker.engine.list()
  expect(await docker.engine.usage(id)).toMatchObject({ memory: 64 * 1024 * 1024, processes: 12, networkIn: 4_711 })
  expect(await readText(await docker.engine.console(id, { lines: 9, follow: false }, signal()))).toBe('Welcome\n')
  const program = await docker.engine.execute(id, { command: ['echo', 'done'] })
  expect(await readText(program.output)).toBe('\ndone\n')
  expect(await program.exitCode()).toBe(0)
  expect(await docker.engine.probe(id)).toEqual({ init: undefined, sshResponds: false, hostKey: undefined })
  await docker.engine.stop(id)
  expect(await docker.engine.usage(id)).toBeUndefined()
})

test('a scripted response replaces one normal response, also on an upgraded connection', async () => {
  await using docker = createTestEngine()
  docker.addRunningDroplet('cikit01')
  const [{ id } = { id: '' }] = await docker.engine.list()
  docker.respondNext(/^POST \/exec\/\w+\/start$/, () => upgradeWithOutput('hi'))
  const outputs = []
  for (let count = 0; count < 2; count++) {
    outputs.push(await readText((await docker.engine.execute(id, { command: ['sh'] })).output))
  }
  expect(outputs).toEqual(['hi', '\ndone\n'])
})

test('a held request is answered once its gate is opened', async () => {
  await using docker = createTestEngine()
  docker.addRunningDroplet('cikit01')
  const [{ id } = { id: '' }] = await docker.engine.list()
  const gate = docker.holdNext(/^POST \S+\/stop$/)
  const stopped = docker.engine.stop(id)
  await gate.entered()
  expect(docker.stateOf('cikit01')).toBe('running')
  gate.open()
  await stopped
  expect(docker.stateOf('cikit01')).toBe('exited')
})

test('an output that is followed arrives while it is written, until the signal', async () => {
  let write: (text: string) => void = () => undefined
  await using docker = createTestEngine(({ path }) => {
    if (!path.startsWith(`/containers/${CONTAINER_ID}/logs`)) return undefined
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        write = text => controller.enqueue(encodeFrame(text))
      },
    })
    return new Response(body)
  })
  const controller = new AbortController()
  const output = await docker.engine.console(CONTAINER_ID, { lines: 1, follow: true }, controller.signal)
  const chunks = output[Symbol.asyncIterator]()
  for (const text of ['one', 'two']) {
    write(text)
    expect(await chunks.next()).toMatchObject({ value: { stream: 'stdout', bytes: Buffer.from(text) } })
  }
  controller.abort()
  await chunks.next().catch(() => undefined)
})
