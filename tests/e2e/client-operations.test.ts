import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import type { OperationBody } from '../../src/droplets/operations/schema.ts'
import { expectedFailure } from '../testkit/cli.ts'
import { createFakeDocker, type FakeDocker } from '../testkit/docker/fake-docker.ts'
import { errorResponse } from '../testkit/docker/replies.ts'
import { addDroplet, type CliUser, createCliUser, logIn, originOf } from '../testkit/e2e/cli-user.ts'
import { type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'
import { createTcpProxy } from '../testkit/e2e/tcp-proxy.ts'
import { waitUntil } from '../testkit/wait-until.ts'

// Progress, waiting and cancelling in the CLI, with the binary as client and server.

let engine: FakeDocker
let server: ServerProcess
let cliUser: CliUser

beforeAll(async () => {
  engine = createFakeDocker()
  server = await startServerProcess({ socket: engine.socket })
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await engine[Symbol.asyncDispose]()
})
beforeEach(async () => {
  cliUser = createCliUser()
  await logIn(cliUser, server, 'ann', 'manager')
})
afterEach(() => {
  engine.clearOverrides()
  cliUser[Symbol.dispose]()
})

const addDropletName = async () => (await addDroplet(cliUser)).name
/** The newest operation, in a list. */
const listNewest = async (): Promise<OperationBody[]> =>
  JSON.parse((await cliUser.run('operation', 'ls', '--json', '--limit', '1')).stdout)
async function newestOperation(): Promise<OperationBody> {
  const [newest] = await listNewest()
  if (!newest) throw new Error('there is no operation')
  return newest
}
/** Erases to the end of the line. */
const CLEAR_TO_END = '\x1b[K'
const CLEAR_LINE = `\r${CLEAR_TO_END}`
const uuid = /[0-9a-f]{8}-[0-9a-f-]{27}/

/** Makes the image missing. Its build reports one step and completes when it is released. */
function holdBuild(step: string) {
  const released = Promise.withResolvers<void>()
  engine.respondNext(/^GET \/images\//, () => errorResponse(404, 'No such image'))
  engine.respondNext(/^POST \/build/, () => {
    const body = new ReadableStream<Uint8Array>({
      async start(controller) {
        controller.enqueue(Buffer.from(`${JSON.stringify({ stream: step })}\n`))
        await released.promise
        controller.close()
      },
    })
    return new Response(body)
  })
  return { release: released.resolve }
}

describe('progress', () => {
  const step = 'Step 5/9 : RUN apt \x1b[31m and-much-more-than-there-is-room-for-on-this-terminal'

  test('is one line that fits the terminal and disappears at the end', async () => {
    const build = holdBuild(step)
    const adding = cliUser.startAtTerminal(72, 'droplet', 'add')
    await adding.stdout.waitFor(/44%/)
    build.release()
    const { exitCode, stdout } = await adding.result
    expect(exitCode).toBe(0)
    const [progress = '', table = ''] = stdout.split(`${CLEAR_LINE}NAME`)
    expect(table).toMatch(/^ +STATUS +HEALTH +CREATED +SSH\r\ncikit\d\d +Up .*\r\n$/)
    const lines = progress.split(CLEAR_TO_END).map(line => line.replace(/^\r/, ''))
    const shown = lines.find(line => line.includes('44%'))
    expect(shown).toMatch(/^add: image, \d s {2}\[########------------\] {2}44% {2}Step 5\/9 : RUN apt \\u001b$/)
    expect(shown).toHaveLength(71)
    for (const line of lines) {
      expect(line).toMatch(/^(add( cikit\d\d)?: (queued|starting|image|create|start), \d+ s.*)?$/)
      expect(line.length).toBeLessThan(72)
    }
  })

  test('is not shown without a terminal or with --json', async () => {
    for (const run of [
      () => cliUser.start('droplet', 'add'),
      () => cliUser.startAtTerminal(72, 'droplet', 'add', '--json'),
    ]) {
      const build = holdBuild(step)
      const adding = run()
      await waitForStep('image')
      build.release()
      const { exitCode, stdout, stderr } = await adding.result
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
      expect(stdout).toMatch(/^(NAME|\[)/)
      expect(stdout).not.toMatch(/Step|\p{Cc}(?<!\r|\n)/u)
    }
  })

  async function waitForStep(name: string): Promise<void> {
    const isAtStep = async () => {
      const [operation] = await listNewest()
      return operation?.steps.at(-1)?.name === name && operation.state === 'running'
    }
    await waitUntil(isAtStep, { timeoutMs: 20_000, what: `the step ${name}` })
  }
})

describe('an operation that does not succeed', () => {
  test('failed: exits with 1 and the message of the server', async () => {
    const name = await addDropletName()
    engine.respondNext(/\/stop/, () => errorResponse(500, 'cannot stop it'))
    const failure = expectedFailure(1, /cannot stop it/)
    expect(await cliUser.run('droplet', 'stop', name)).toEqual(failure)
    const { id, state } = await newestOperation()
    expect(state).toBe('failed')
    const shown = await cliUser.run('operation', 'show', id, '--wait')
    expect(shown).toEqual({
      ...failure,
      stdout: expect.stringMatching(/^state +failed$[\s\S]*^error .*cannot stop it/m),
    })
    expect(await cliUser.run('operation', 'show', id)).toEqual({ exitCode: 0, stdout: shown.stdout, stderr: '' })
    expect(await cliUser.run('operation', 'cancel', id)).toEqual(expectedFailure(1, /can no longer be cancelled/))
  })

  test('cancelled: exits with 1', async () => {
    const build = holdBuild('Step 1/9 : FROM debian')
    const adding = cliUser.start('droplet', 'add')
    const { id } = await runningAdd()
    const cancelled = await cliUser.run('operation', 'cancel', id)
    expect(cancelled).toEqual({ exitCode: 0, stdout: 'Cancelled: add\n', stderr: '' })
    expect(await adding.result).toEqual(expectedFailure(1, 'The operation was cancelled'))
    expect(await cliUser.run('operation', 'cancel', id)).toEqual(cancelled)
    expect(await cliUser.run('operation', 'cancel', 'no/such')).toEqual(expectedFailure(1, /Operation not found/))
    build.release()
  })

  test('Ctrl-C: exits with 130, and the change continues', async () => {
    const name = await addDropletName()
    const stop = engine.holdNext(/\/stop/)
    const stopping = cliUser.startAtTerminal(80, 'droplet', 'stop', name)
    await stopping.stdout.waitFor(/: stop, \d s/)
    const { id } = await newestOperation()
    await stopping.typeKeys('\x03')
    const { exitCode, stdout } = await stopping.result
    const [, hint] = stdout.split(`${CLEAR_LINE}cikit-api: `)
    expect({ exitCode, left: hint }).toEqual({
      exitCode: 130,
      left: `The operation continues; to cancel it: cikit-api operation cancel ${id}\r\n`,
    })
    stop.open()
    expect((await cliUser.run('operation', 'show', id, '--wait')).stdout).toMatch(/^state +done$/m)
    expect(engine.stateOf(name)).toBe('exited')
  })

  async function runningAdd() {
    const isRunning = async () => {
      const [operation] = await listNewest()
      return operation?.kind === 'add' && operation.state === 'running'
    }
    await waitUntil(isRunning, { timeoutMs: 20_000, what: 'the add to run' })
    return await newestOperation()
  }
})

describe('without waiting', () => {
  test('--detach prints the id, with which the operation can be listed, shown and awaited', async () => {
    const name = await addDropletName()
    const stop = engine.holdNext(/\/stop/)
    const detached = await cliUser.run('droplet', 'stop', name, '--detach')
    const [id = ''] = uuid.exec(detached.stdout) ?? []
    expect(detached).toEqual({ exitCode: 0, stdout: `${id}\n`, stderr: '' })
    await stop.entered()
    const listed = await cliUser.run('operation', 'ls', '--droplet', name)
    expect(listed.stdout.split('\n')[0]).toMatch(/^ID +KIND +DROPLET +STATE +USER +CREATED$/)
    expect(listed.stdout.split('\n')[1]).toMatch(new RegExp(`^${id} +stop +${name} +running +ann +\\d{4}-`))
    const waiting = cliUser.start('operation', 'show', id, '--wait', '--json')
    stop.open()
    const { exitCode, stdout, stderr } = await waiting.result
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    expect(JSON.parse(stdout)).toMatchObject({ id, kind: 'stop', droplet: name, state: 'done' })
  })

  test('--detach --json prints the operation', async () => {
    const { stdout } = await cliUser.run('droplet', 'add', '--detach', '--json')
    expect(JSON.parse(stdout)).toMatchObject({ id: expect.stringMatching(uuid), kind: 'add', user: 'ann' })
  })

  test.each([
    [['droplet', 'add', '--wait', '--detach'], /--wait and --detach cannot be combined/],
    [['operation', 'ls', '--limit', 'many'], /--limit: give a number/],
  ])('rejects %p', async (args, reason) => {
    expect(await cliUser.run(...args)).toEqual(expectedFailure(2, reason))
  })
})

describe('a lost connection', () => {
  test('during the response does not repeat the change', async () => {
    await using proxy = await createTcpProxy(originOf(server))
    cliUser.patchSession({ url: proxy.url })
    const before: unknown[] = JSON.parse((await cliUser.run('droplet', 'ls', '--json')).stdout)
    proxy.loseNextResponse(/^POST .*\/droplet\/add/)
    const { exitCode, stdout, stderr } = await cliUser.run('droplet', 'add', '--json')
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    expect(proxy.lostRequests).toHaveLength(1)
    expect(JSON.parse(stdout)).toHaveLength(before.length + 1)
  })

  test('to a killed server is retried until the server is back', async () => {
    await using first = await startServerProcess({ socket: engine.socket, dataDir: `${cliUser.home}/data` })
    await logIn(cliUser, first, 'ann', 'manager')
    await using proxy = await createTcpProxy(originOf(first))
    cliUser.patchSession({ url: proxy.url })
    const name = await addDropletName()
    const stop = engine.holdNext(/\/stop/)
    const stopping = cliUser.startAtTerminal(80, 'droplet', 'stop', name)
    await stopping.stdout.waitFor(/: stop, 0 s/)
    first.process.kill('SIGKILL')
    await stopping.stdout.waitFor(/server unreachable, retrying/)
    await using second = await startServerProcess({ socket: engine.socket, dataDir: `${cliUser.home}/data` })
    proxy.redirectTo(originOf(second))
    stop.open()
    const { exitCode, stdout } = await stopping.result
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: expect.stringMatching(/Exited/) })
  })
})
