import { afterAll, beforeAll, expect, test } from 'bun:test'
import { pollUntil, run } from '../../scripts/lib/run.ts'
import { SMALL_IMAGE, startEngine, type TestEngine } from '../testkit/e2e/engines.ts'
import { startServerProcess } from '../testkit/e2e/server-process.ts'
import { startUnstoppable, watchStop } from '../testkit/e2e/unstoppable-droplet.ts'
import { waitForLog } from '../testkit/faults/wait-for-log.ts'

// SIGTERM during a stop that takes the engine 10 s. The cases run concurrently.

let engine: TestEngine

beforeAll(async () => {
  engine = await startEngine('host')
})
afterAll(async () => {
  await engine.removeContainers()
  await engine.stop()
})

test('SIGTERM during a 10 s stop exits with 0 after the stop, whether the client is connected or gone', async () => {
  await Promise.all([stopServerMidStop('cikit51', 'connected'), stopServerMidStop('cikit52', 'gone')])
  for (const name of ['cikit51', 'cikit52']) expect(await stateOf(name)).toBe('exited 137')
})

test('a second signal exits at once, and the next start shows the actual state of the droplet', async () => {
  await using server = await startServerProcess({ socket: engine.socket, flags: ['--image', SMALL_IMAGE] })
  const token = await server.logInAs('manager')
  await startUnstoppable(engine, 'cikit53', 3)
  const stopWatch = await watchStop(engine, 'cikit53')
  const stop = server.call('PATCH', '/droplet/stop/cikit53', token).catch(error => error)
  await stopWatch.started()
  server.process.kill('SIGTERM')
  await waitForLog(server, 'stopping')
  expect(await server.stop('SIGTERM')).toBe(130)
  expect(await stop).toBeInstanceOf(Error)
  await using restarted = await startServerProcess({ socket: engine.socket, dataDir: server.dataDir })
  const isExited = async () =>
    (await restarted.callDroplets('GET', 'list', token)).find(({ name }) => name === 'cikit53')?.state === 'exited'
  expect(await pollUntil(10_000, isExited)).toBe(true)
})

/** Stops a separate server while it stops the droplet. */
async function stopServerMidStop(name: string, client: 'connected' | 'gone'): Promise<void> {
  await using server = await startServerProcess({ socket: engine.socket, flags: ['--image', SMALL_IMAGE] })
  const token = await server.logInAs('manager')
  await startUnstoppable(engine, name)
  const stopWatch = await watchStop(engine, name)
  const clientAbort = new AbortController()
  const stop = fetch(`${server.url}/droplet/stop/${name}`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${token}` },
    timeout: false,
    signal: clientAbort.signal,
  }).then(
    async response => ({ status: response.status, droplets: await response.json() }),
    error => error,
  )
  await stopWatch.started()
  if (client === 'gone') {
    clientAbort.abort()
    expect(await stop).toBeInstanceOf(Error)
  }
  const exit = server.stop()
  await waitForLog(server, 'stopping')
  expect(await stateOf(name)).toBe('running 0')
  expect(await fetch(`${server.url}/droplet/list`).catch(error => error)).toBeInstanceOf(Error)
  expect(await exit).toBe(0)
  expect(await stateOf(name)).toBe('exited 137')
  // The store must stay open until the work is done as well.
  await waitForLog(server, 'stopped')
  const stopped = server.log.find(({ message }) => message === 'stopped')
  const finished = Date.parse(await inspect(name, '{{.State.FinishedAt}}'))
  expect(Date.parse(String(stopped?.time))).toBeGreaterThanOrEqual(finished)
  if (client === 'connected') {
    expect(await stop).toMatchObject({
      status: 200,
      droplets: expect.arrayContaining([expect.objectContaining({ name, state: 'exited' })]),
    })
  }
}

const stateOf = (name: string) => inspect(name, '{{.State.Status}} {{.State.ExitCode}}')

async function inspect(name: string, format: string): Promise<string> {
  return (await run(['docker', '-H', `unix://${engine.socket}`, 'inspect', '-f', format, name])).trim()
}
