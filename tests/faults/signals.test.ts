import { Database as Sqlite } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { pollUntil } from '../../scripts/lib/run.ts'
import { createFakeEngine } from '../testkit/docker/fake-engine.ts'
import { type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'
import { timed } from '../testkit/timed.ts'

// SIGTERM and SIGINT while something is under way: the stop of a droplet, which an engine takes its time for, or a write.

/** An engine with one droplet, whose stop takes until it is released. */
function createSlowEngine() {
  const stopRequested = Promise.withResolvers<void>()
  const stopReleased = Promise.withResolvers<void>()
  const engine = createFakeEngine()
  engine.addRunningDroplet('cikit22')
  engine.respondNext(/^POST \S+\/stop$/, async () => {
    stopRequested.resolve()
    await stopReleased.promise
    return undefined
  })
  return {
    socket: engine.socket,
    requested: stopRequested.promise,
    release: stopReleased.resolve,
    dropletState: () => engine.stateOf('cikit22'),
    answerNext: engine.respondNext,
    /** The next listing is answered when it is released. */
    holdNextList() {
      const gate = { requested: Promise.withResolvers<void>(), released: Promise.withResolvers<void>() }
      engine.respondNext(/^GET \/containers\/json/, async () => {
        gate.requested.resolve()
        await gate.released.promise
        return undefined
      })
      return { requested: gate.requested.promise, release: gate.released.resolve }
    },
    async [Symbol.asyncDispose]() {
      stopReleased.resolve()
      await engine[Symbol.asyncDispose]()
    },
  }
}

const waitForLog = (server: ServerProcess, text: string) =>
  pollUntil(5_000, () => server.log.some(({ message }) => message === text)).then(isFound => expect(isFound).toBe(true))

const isConnectionRefused = (server: ServerProcess) =>
  fetch(server.url, { headers: { connection: 'close' } }).then(
    () => false,
    () => true,
  )

test.each(['SIGTERM', 'SIGINT'] as const)('%s in the middle of a stop: the client gets its answer', async signal => {
  await using engine = createSlowEngine()
  await using server = await startServerProcess({ socket: engine.socket })
  const token = await server.logInAs('manager')
  const stop = server.callDroplets('PATCH', 'stop/cikit22', token)
  await engine.requested
  const exit = server.stop(signal)
  await waitForLog(server, 'stopping')
  expect(await pollUntil(5_000, () => isConnectionRefused(server))).toBe(true)
  expect(server.process.exitCode).toBeNull()
  engine.release()
  expect(await stop).toMatchObject([{ name: 'cikit22', state: 'exited' }])
  expect(await exit).toBe(0)
  await waitForLog(server, 'stopped')
})

test('SIGTERM in the middle of a stop whose client went away: it is done to its end', async () => {
  await using engine = createSlowEngine()
  await using server = await startServerProcess({ socket: engine.socket })
  const token = await server.logInAs('manager')
  const client = new AbortController()
  const stop = fetch(`${server.url}/droplet/stop/cikit22`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${token}` },
    signal: client.signal,
  }).catch(error => error)
  await engine.requested
  client.abort()
  expect(await stop).toBeInstanceOf(Error)
  const exit = server.stop()
  await waitForLog(server, 'stopping')
  // As long as it would take to end if it waited for nothing.
  expect(await Promise.race([exit, Bun.sleep(1_000)])).toBeUndefined()
  engine.release()
  expect(await exit).toBe(0)
  expect(engine.dropletState()).toBe('exited')
})

test('SIGTERM while a change is asked for that has not begun: it is begun, and done to its end', async () => {
  await using engine = createSlowEngine()
  await using server = await startServerProcess({ socket: engine.socket })
  const token = await server.logInAs('manager')
  const heldList = engine.holdNextList()
  const stop = fetch(`${server.url}/droplet/stop/cikit22`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${token}`, prefer: 'respond-async' },
  })
  await heldList.requested
  const exit = server.stop()
  await waitForLog(server, 'stopping')
  heldList.release()
  expect((await stop).status).toBe(202)
  await engine.requested
  // As long as it would take to end if it waited for nothing.
  await Promise.race([exit, Bun.sleep(1_000)])
  engine.release()
  expect(await exit).toBe(0)
  expect(engine.dropletState()).toBe('exited')
  const messages = server.log.map(({ message }) => message)
  expect(messages.slice(messages.indexOf('operation ended'))).toEqual(['operation ended', 'stopped'])
})

test('SIGTERM while an interrupted add cannot be undone, for the engine is away: nobody waits for that', async () => {
  await using engine = createSlowEngine()
  await using server = await startServerProcess({ socket: engine.socket })
  const token = await server.logInAs('manager')
  const created = Promise.withResolvers<void>()
  engine.answerNext(/^POST \/containers\/create/, () => {
    created.resolve()
    return new Promise(() => {})
  })
  const add = server.call('POST', '/droplet/add', token).catch(error => error)
  await created.promise
  await server.stop('SIGKILL')
  expect(await add).toBeInstanceOf(Error)
  await using restarted = await startServerProcess({ socket: '/nonexistent/docker.sock', dataDir: server.dataDir })
  await waitForLog(restarted, 'unfinished adds not undone yet, trying on')
  const { ms, result } = await timed(restarted.stop())
  expect(result).toBe(0)
  expect(ms).toBeLessThan(10_000)
})

test('SIGTERM while a droplet does not answer who looks into it: nobody waits for that', async () => {
  await using engine = createSlowEngine()
  const probeStarted = Promise.withResolvers<void>()
  engine.answerNext(/^POST \S+\/exec$/, () => Response.json({ Id: 'a'.repeat(64) }, { status: 201 }))
  engine.answerNext(/^POST \/exec\/\S+\/start$/, () => {
    probeStarted.resolve()
    // Begun, and never over.
    return new Response(new ReadableStream({ start: controller => controller.enqueue(new Uint8Array(8)) }))
  })
  await using server = await startServerProcess({ socket: engine.socket })
  await probeStarted.promise
  const { ms, result } = await timed(server.stop())
  expect(result).toBe(0)
  expect(ms).toBeLessThan(3_000)
  await waitForLog(server, 'stopped')
})

test('SIGTERM while a write waits for the store: it is written and acknowledged first', async () => {
  await using server = await startServerProcess({ socket: '/nonexistent/docker.sock' })
  const token = await server.logInAs('owner')
  const lockHolder = new Sqlite(join(server.dataDir, 'cikit-api.db'))
  lockHolder.run('BEGIN IMMEDIATE')
  const add = server.addUser(token, 'last')
  // Answered after the add came in, over other connections: that one waits by now.
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

test('a second signal ends it at once, and what was acknowledged is there', async () => {
  await using engine = createSlowEngine()
  await using server = await startServerProcess({ socket: engine.socket })
  const token = await server.logInAs('owner')
  const stop = server.callDroplets('PATCH', 'stop/cikit22', token).catch(error => error)
  await engine.requested
  server.process.kill('SIGTERM')
  await waitForLog(server, 'stopping')
  const { ms, result } = await timed(server.stop('SIGINT'))
  expect(result).toBe(130)
  expect(ms).toBeLessThan(2_000)
  expect(await stop).toBeInstanceOf(Error)
  await using restarted = await startServerProcess({ socket: engine.socket, dataDir: server.dataDir })
  expect(await restarted.usernames(token)).toEqual(['owner'])
  // The stop is finished, and the audit tells of both.
  const [operation] = (await restarted.call('GET', '/operation/list', token)).body as { id: string }[]
  const { body: operationBody } = await restarted.call('GET', `/operation/show/${operation?.id}?wait=10`, token)
  expect(operationBody).toMatchObject({ kind: 'stop', droplet: 'cikit22', user: 'owner', state: 'done' })
  expect(engine.dropletState()).toBe('exited')
  const { body } = await restarted.call('GET', '/audit/list?action=droplet', token)
  expect(body).toMatchObject(
    ['ok', 'interrupted'].map(result => ({ action: 'droplet.stop', target: 'cikit22', result })),
  )
})

test('at its end the log is in the database, and nothing of the process is left in the data directory', async () => {
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
