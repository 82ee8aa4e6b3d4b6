import { afterAll, beforeAll, expect, test } from 'bun:test'
import { run, until } from '../../scripts/lib/run.ts'
import { SMALL_IMAGE, startEngine, type TestEngine } from '../_support/e2e/engines.ts'
import { startMatrix } from '../_support/e2e/matrix.ts'
import { startStubborn, stopOf } from '../_support/e2e/stubborn.ts'

// SIGTERM in the middle of a stop that takes the engine its 10 s. All are waited for at once.

let engine: TestEngine

beforeAll(async () => {
  engine = await startEngine('host')
})
afterAll(async () => {
  await engine.clear()
  await engine.stop()
})

test('serve that is told to end in the middle of a 10 s stop ends after it with 0, its client there or gone', async () => {
  await Promise.all([endInMidStop('cikit51', 'there'), endInMidStop('cikit52', 'gone')])
  for (const name of ['cikit51', 'cikit52']) expect(await stateOf(name)).toBe('exited 137')
})

test('a second signal ends it at once, and the next start finds the droplet as the engine left it', async () => {
  await using matrix = await startMatrix({ socket: engine.socket, flags: ['--image', SMALL_IMAGE] })
  const token = await matrix.signIn('manager')
  await startStubborn(engine, 'cikit53', 3)
  const listening = await stopOf(engine, 'cikit53')
  const stop = matrix.call('PATCH', '/droplet/stop/cikit53', token).catch(error => error)
  await listening.begun()
  matrix.process.kill('SIGTERM')
  await told(matrix, 'stopping')
  expect(await matrix.stop('SIGTERM')).toBe(130)
  expect(await stop).toBeInstanceOf(Error)
  await using next = await startMatrix({ socket: engine.socket, dataDir: matrix.dataDir })
  const state = async () =>
    (await next.droplets('GET', 'list', token)).find(({ name }) => name === 'cikit53')?.state === 'exited'
  expect(await until(10_000, state)).toBe(true)
})

/** Ends a serve of its own while it stops the droplet. */
async function endInMidStop(name: string, client: 'there' | 'gone'): Promise<void> {
  await using matrix = await startMatrix({ socket: engine.socket, flags: ['--image', SMALL_IMAGE] })
  const token = await matrix.signIn('manager')
  await startStubborn(engine, name)
  const listening = await stopOf(engine, name)
  const leaving = new AbortController()
  const stop = fetch(`${matrix.url}/droplet/stop/${name}`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${token}` },
    timeout: false,
    signal: leaving.signal,
  }).then(
    async response => ({ status: response.status, droplets: await response.json() }),
    error => error,
  )
  await listening.begun()
  if (client === 'gone') {
    leaving.abort()
    expect(await stop).toBeInstanceOf(Error)
  }
  const exit = matrix.stop()
  await told(matrix, 'stopping')
  expect(await stateOf(name)).toBe('running 0')
  expect(await fetch(`${matrix.url}/droplet/list`).catch(error => error)).toBeInstanceOf(Error)
  expect(await exit).toBe(0)
  expect(await stateOf(name)).toBe('exited 137')
  // Not only the process: its store, too, stays open until the work is done.
  await told(matrix, 'stopped')
  const stopped = matrix.log.find(({ message }) => message === 'stopped')
  const finished = Date.parse(await inspect(name, '{{.State.FinishedAt}}'))
  expect(Date.parse(String(stopped?.time))).toBeGreaterThanOrEqual(finished)
  if (client === 'there') {
    expect(await stop).toMatchObject({
      status: 200,
      droplets: expect.arrayContaining([expect.objectContaining({ name, state: 'exited' })]),
    })
  }
}

async function told(matrix: { log: Record<string, unknown>[] }, what: string): Promise<void> {
  expect(await until(5_000, () => matrix.log.some(({ message }) => message === what))).toBe(true)
}

const stateOf = (name: string) => inspect(name, '{{.State.Status}} {{.State.ExitCode}}')

async function inspect(name: string, format: string): Promise<string> {
  return (await run(['docker', '-H', `unix://${engine.socket}`, 'inspect', '-f', format, name])).trim()
}
