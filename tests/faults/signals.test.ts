import { Database as Sqlite } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { pollUntil } from '../../scripts/lib/run.ts'
import { timedOut, withTimeout } from '../../src/core/timeout.ts'
import { createFakeDocker } from '../testkit/docker/fake-docker.ts'
import { type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'
import { waitForLog } from '../testkit/faults/wait-for-log.ts'
import { timed } from '../testkit/timed.ts'

// SIGTERM and SIGINT during the stop of a droplet by a slow engine, or during a write.

/** An engine with one droplet, whose next stop blocks until its gate is opened. */
function createSlowEngine() {
  const engine = createFakeDocker()
  engine.addRunningDroplet('cikit22')
  return { ...engine, stopGate: engine.holdNext(/^POST \S+\/stop$/) }
}

const isConnectionRefused = (server: ServerProcess) =>
  fetch(server.url, { headers: { connection: 'close' } }).then(
    () => false,
    () => true,
  )

test.each(['SIGTERM', 'SIGINT'] as const)('%s during a stop: the client gets its response', async signal => {
  await using engine = createSlowEngine()
  await using server = await startServerProcess({ socket: engine.socket })
  const token = await server.logInAs('manager')
  const stop = server.callDroplets('PATCH', 'stop/cikit22', token)
  await engine.stopGate.entered()
  const exit = server.stop(signal)
  await waitForLog(server, 'stopping')
  expect(await pollUntil(5_000, () => isConnectionRefused(server))).toBe(true)
  expect(server.process.exitCode).toBeNull()
  engine.stopGate.open()
  expect(await stop).toMatchObject([{ name: 'cikit22', state: 'exited' }])
  expect(await exit).toBe(0)
  await waitForLog(server, 'stopped')
})

test('SIGTERM during a stop whose client disconnected: the stop is completed', async () => {
  await using engine = createSlowEngine()
  await using server = await startServerProcess({ socket: engine.socket })
  const token = await server.logInAs('manager')
  const client = new AbortController()
  const stop = fetch(`${server.url}/droplet/stop/cikit22`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${token}` },
    signal: client.signal,
  }).catch(error => error)
  await engine.stopGate.entered()
  client.abort()
  expect(await stop).toBeInstanceOf(Error)
  const exit = server.stop()
  await waitForLog(server, 'stopping')
  // Long enough for the process to exit if it did not wait.
  expect(await withTimeout(exit, 1_000)).toBe(timedOut)
  engine.stopGate.open()
  expect(await exit).toBe(0)
  expect(engine.stateOf('cikit22')).toBe('exited')
})

test('SIGTERM before a requested change has started: the change is started and completed', async () => {
  await using engine = createSlowEngine()
  await using server = await startServerProcess({ socket: engine.socket })
  const token = await server.logInAs('manager')
  const heldList = engine.holdNext(/^GET \/containers\/json/)
  const stop = fetch(`${server.url}/droplet/stop/cikit22`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${token}`, prefer: 'respond-async' },
  })
  await heldList.entered()
  const exit = server.stop()
  await waitForLog(server, 'stopping')
  heldList.open()
  expect((await stop).status).toBe(202)
  await engine.stopGate.entered()
  // Long enough for the process to exit if it did not wait.
  expect(await withTimeout(exit, 1_000)).toBe(timedOut)
  engine.stopGate.open()
  expect(await exit).toBe(0)
  expect(engine.stateOf('cikit22')).toBe('exited')
  const messages = server.log.map(({ message }) => message)
  expect(messages.slice(messages.indexOf('operation ended'))).toEqual(['operation ended', 'stopped'])
})

test('SIGTERM while an interrupted add cannot be rolled back, because the engine is unavailable: the exit does not wait', async () => {
  await using engine = createSlowEngine()
  await using server = await startServerProcess({ socket: engine.socket })
  const token = await server.logInAs('manager')
  const heldCreate = engine.holdNext(/^POST \/containers\/create/)
  const add = server.call('POST', '/droplet/add', token).catch(error => error)
  await heldCreate.entered()
  await server.stop('SIGKILL')
  expect(await add).toBeInstanceOf(Error)
  await using restarted = await startServerProcess({ socket: '/nonexistent/docker.sock', dataDir: server.dataDir })
  await waitForLog(restarted, 'unfinished adds not rolled back yet, retrying')
  const { ms, result } = await timed(restarted.stop())
  expect(result).toBe(0)
  expect(ms).toBeLessThan(10_000)
})

test('SIGTERM during a probe that does not end: the exit does not wait', async () => {
  await using engine = createSlowEngine()
  const probeStarted = Promise.withResolvers<void>()
  engine.respondNext(/^POST \S+\/exec$/, () => Response.json({ Id: 'a'.repeat(64) }, { status: 201 }))
  engine.respondNext(/^POST \/exec\/\S+\/start$/, () => {
    probeStarted.resolve()
    // A response that never ends.
    return new Response(new ReadableStream({ start: controller => controller.enqueue(new Uint8Array(8)) }))
  })
  await using server = await startServerProcess({ socket: engine.socket })
  await probeStarted.promise
  const { ms, result } = await timed(server.stop())
  expect(result).toBe(0)
  expect(ms).toBeLessThan(3_000)
  await waitForLog(server, 'stopped')
})

test('SIGTERM while a write waits for the store: the write is completed and acknowledged', async () => {
  await using server = await startServerProcess({ socket: '/nonexistent/docker.sock' })
  const token = await server.logInAs('owner')
  const lockHolder = new Sqlite(join(server.dataDir, 'cikit-api.db'))
  lockHolder.run('BEGIN IMMEDIATE')
  const add = server.addUser(token, 'last')
  // These requests arrive after the add, on other connections, so the add is waiting by now.
  for (let read = 0; read < 3; read++) expect(await server.usernames(token)).toEqual(['owner'])
  const exit = server.stop()
  await waitForLog(server, 'stopping')
  lockHolder.run('ROLLBACK')
  lockHolder.close()
  expect((await add).status).toBe(200)
  expect(await exit).toBe(0)
  await using restarted = await startServerProcess({ socket: '/nonexistent/docker.sock', dataDir: server.dataDir })
  expect(await restarted.usernames(token)).toEqual(['owner', 'last'])
})

test('a second signal exits at once, and everything acknowledged survives', async () => {
  await using engine = createSlowEngine()
  await using server = await startServerProcess({ socket: engine.socket })
  const token = await server.logInAs('owner')
  const stop = server.callDroplets('PATCH', 'stop/cikit22', token).catch(error => error)
  await engine.stopGate.entered()
  server.process.kill('SIGTERM')
  await waitForLog(server, 'stopping')
  const { ms, result } = await timed(server.stop('SIGINT'))
  expect(result).toBe(130)
  expect(ms).toBeLessThan(2_000)
  expect(await stop).toBeInstanceOf(Error)
  await using restarted = await startServerProcess({ socket: engine.socket, dataDir: server.dataDir })
  expect(await restarted.usernames(token)).toEqual(['owner'])
  // The stop is completed, and the audit log has both records.
  const [operation] = (await restarted.call('GET', '/operation/list', token)).body as { id: string }[]
  const { body: operationBody } = await restarted.call('GET', `/operation/show/${operation?.id}?wait=10`, token)
  expect(operationBody).toMatchObject({ kind: 'stop', droplet: 'cikit22', user: 'owner', state: 'done' })
  expect(engine.stateOf('cikit22')).toBe('exited')
  const { body } = await restarted.call('GET', '/audit/list?action=droplet', token)
  expect(body).toMatchObject(
    ['ok', 'interrupted'].map(result => ({ action: 'droplet.stop', target: 'cikit22', result })),
  )
})

test('stopping moves the write-ahead log into the database and leaves no temporary files', async () => {
  await using server = await startServerProcess({ socket: '/nonexistent/docker.sock' })
  const token = await server.logInAs('owner')
  expect((await server.addUser(token, 'last')).status).toBe(200)
  expect(readdirSync(server.dataDir)).toContain('cikit-api.db-wal')
  expect(await server.stop()).toBe(0)
  expect(readdirSync(server.dataDir).toSorted()).toEqual([
    'audit.key',
    'cikit-api.db',
    'credentials',
    'sealing.key',
    'serve.lock',
  ])
  using db = new Sqlite(join(server.dataDir, 'cikit-api.db'), { readonly: true })
  expect(db.query('SELECT username FROM users ORDER BY number').values()).toEqual([['owner'], ['last']])
})
