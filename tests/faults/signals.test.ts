import { Database as Sqlite } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '../../scripts/lib/run.ts'
import { type Matrix, startMatrix } from '../_support/e2e/matrix.ts'
import { createFakeEngine } from '../_support/fake-engine.ts'
import { timed } from '../_support/timed.ts'

// SIGTERM and SIGINT while something is under way: the stop of a droplet, which an engine takes its time for, or a write.

/** An engine with one droplet, whose stop takes until it is released. */
function createSlowEngine() {
  const asked = Promise.withResolvers<void>()
  const released = Promise.withResolvers<void>()
  const engine = createFakeEngine()
  engine.run('cikit22')
  engine.answerNext(/^POST \S+\/stop$/, async () => {
    asked.resolve()
    await released.promise
    return undefined
  })
  return {
    socket: engine.socket,
    asked: asked.promise,
    release: released.resolve,
    state: () => engine.stateOf('cikit22'),
    answerNext: engine.answerNext,
    /** The next listing is answered when it is released. */
    holdNextListing() {
      const held = { asked: Promise.withResolvers<void>(), released: Promise.withResolvers<void>() }
      engine.answerNext(/^GET \/containers\/json/, async () => {
        held.asked.resolve()
        await held.released.promise
        return undefined
      })
      return { asked: held.asked.promise, release: held.released.resolve }
    },
    async [Symbol.asyncDispose]() {
      released.resolve()
      await engine[Symbol.asyncDispose]()
    },
  }
}

const logged = (matrix: Matrix, text: string) =>
  until(5_000, () => matrix.log.some(({ message }) => message === text)).then(found => expect(found).toBe(true))

const isRefused = (matrix: Matrix) =>
  fetch(matrix.url, { headers: { connection: 'close' } }).then(
    () => false,
    () => true,
  )

test.each(['SIGTERM', 'SIGINT'] as const)('%s in the middle of a stop: the client gets its answer', async signal => {
  await using engine = createSlowEngine()
  await using matrix = await startMatrix({ socket: engine.socket })
  const token = await matrix.signIn('manager')
  const stop = matrix.droplets('PATCH', 'stop/cikit22', token)
  await engine.asked
  const exit = matrix.stop(signal)
  await logged(matrix, 'stopping')
  expect(await until(5_000, () => isRefused(matrix))).toBe(true)
  expect(matrix.process.exitCode).toBeNull()
  engine.release()
  expect(await stop).toMatchObject([{ name: 'cikit22', state: 'exited' }])
  expect(await exit).toBe(0)
  await logged(matrix, 'stopped')
})

test('SIGTERM in the middle of a stop whose client went away: it is done to its end', async () => {
  await using engine = createSlowEngine()
  await using matrix = await startMatrix({ socket: engine.socket })
  const token = await matrix.signIn('manager')
  const client = new AbortController()
  const stop = fetch(`${matrix.url}/droplet/stop/cikit22`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${token}` },
    signal: client.signal,
  }).catch(error => error)
  await engine.asked
  client.abort()
  expect(await stop).toBeInstanceOf(Error)
  const exit = matrix.stop()
  await logged(matrix, 'stopping')
  // As long as it would take to end if it waited for nothing.
  expect(await Promise.race([exit, Bun.sleep(1_000)])).toBeUndefined()
  engine.release()
  expect(await exit).toBe(0)
  expect(engine.state()).toBe('exited')
})

test('SIGTERM while a change is asked for that has not begun: it is begun, and done to its end', async () => {
  await using engine = createSlowEngine()
  await using matrix = await startMatrix({ socket: engine.socket })
  const token = await matrix.signIn('manager')
  const listing = engine.holdNextListing()
  const stop = fetch(`${matrix.url}/droplet/stop/cikit22`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${token}`, prefer: 'respond-async' },
  })
  await listing.asked
  const exit = matrix.stop()
  await logged(matrix, 'stopping')
  listing.release()
  expect((await stop).status).toBe(202)
  await engine.asked
  // As long as it would take to end if it waited for nothing.
  await Promise.race([exit, Bun.sleep(1_000)])
  engine.release()
  expect(await exit).toBe(0)
  expect(engine.state()).toBe('exited')
  const messages = matrix.log.map(({ message }) => message)
  expect(messages.slice(messages.indexOf('operation ended'))).toEqual(['operation ended', 'stopped'])
})

test('SIGTERM while an interrupted add cannot be undone, for the engine is away: nobody waits for that', async () => {
  await using engine = createSlowEngine()
  await using matrix = await startMatrix({ socket: engine.socket })
  const token = await matrix.signIn('manager')
  const created = Promise.withResolvers<void>()
  engine.answerNext(/^POST \/containers\/create/, () => {
    created.resolve()
    return new Promise(() => {})
  })
  const add = matrix.call('POST', '/droplet/add', token).catch(error => error)
  await created.promise
  await matrix.stop('SIGKILL')
  expect(await add).toBeInstanceOf(Error)
  await using again = await startMatrix({ socket: '/nonexistent/docker.sock', dataDir: matrix.dataDir })
  await logged(again, 'unfinished adds not undone yet, trying on')
  const { ms, answer } = await timed(again.stop())
  expect(answer).toBe(0)
  expect(ms).toBeLessThan(10_000)
})

test('SIGTERM while a droplet does not answer who looks into it: nobody waits for that', async () => {
  await using engine = createSlowEngine()
  const asked = Promise.withResolvers<void>()
  engine.answerNext(/^POST \S+\/exec$/, () => Response.json({ Id: 'a'.repeat(64) }, { status: 201 }))
  engine.answerNext(/^POST \/exec\/\S+\/start$/, () => {
    asked.resolve()
    // Begun, and never over.
    return new Response(new ReadableStream({ start: controller => controller.enqueue(new Uint8Array(8)) }))
  })
  await using matrix = await startMatrix({ socket: engine.socket })
  await asked.promise
  const { ms, answer } = await timed(matrix.stop())
  expect(answer).toBe(0)
  expect(ms).toBeLessThan(3_000)
  await logged(matrix, 'stopped')
})

test('SIGTERM while a write waits for the store: it is written and acknowledged first', async () => {
  await using matrix = await startMatrix({ socket: '/nonexistent/docker.sock' })
  const token = await matrix.signIn('owner')
  const other = new Sqlite(join(matrix.dataDir, 'cikit-api.db'))
  other.run('BEGIN IMMEDIATE')
  const add = matrix.addUser(token, 'last')
  // Answered after the add came in, over other connections: that one waits by now.
  for (let read = 0; read < 3; read++) expect(await matrix.usernames(token)).toEqual(['owner'])
  const exit = matrix.stop()
  await logged(matrix, 'stopping')
  other.run('ROLLBACK')
  other.close()
  expect((await add).status).toBe(200)
  expect(await exit).toBe(0)
  await using again = await startMatrix({ socket: '/nonexistent/docker.sock', dataDir: matrix.dataDir })
  expect(await again.usernames(token)).toEqual(['owner', 'last'])
})

test('a second signal ends it at once, and what was acknowledged is there', async () => {
  await using engine = createSlowEngine()
  await using matrix = await startMatrix({ socket: engine.socket })
  const token = await matrix.signIn('owner')
  const stop = matrix.droplets('PATCH', 'stop/cikit22', token).catch(error => error)
  await engine.asked
  matrix.process.kill('SIGTERM')
  await logged(matrix, 'stopping')
  const { ms, answer } = await timed(matrix.stop('SIGINT'))
  expect(answer).toBe(130)
  expect(ms).toBeLessThan(2_000)
  expect(await stop).toBeInstanceOf(Error)
  await using again = await startMatrix({ socket: engine.socket, dataDir: matrix.dataDir })
  expect(await again.usernames(token)).toEqual(['owner'])
  // The stop is finished, and the audit tells of both.
  const [operation] = (await again.call('GET', '/operation/list', token)).body as { id: string }[]
  const { body: ended } = await again.call('GET', `/operation/show/${operation?.id}?wait=10`, token)
  expect(ended).toMatchObject({ kind: 'stop', droplet: 'cikit22', user: 'owner', state: 'done' })
  expect(engine.state()).toBe('exited')
  const { body } = await again.call('GET', '/audit/list?action=droplet', token)
  expect(body).toMatchObject(
    ['ok', 'interrupted'].map(result => ({ action: 'droplet.stop', target: 'cikit22', result })),
  )
})

test('at its end the log is in the database, and nothing of the process is left in the data directory', async () => {
  await using matrix = await startMatrix({ socket: '/nonexistent/docker.sock' })
  const token = await matrix.signIn('owner')
  expect((await matrix.addUser(token, 'last')).status).toBe(200)
  expect(readdirSync(matrix.dataDir)).toContain('cikit-api.db-wal')
  expect(await matrix.stop()).toBe(0)
  expect(readdirSync(matrix.dataDir).toSorted()).toEqual([
    'audit.key',
    'cikit-api.db',
    'credentials',
    'sealing.key',
    'serve.lock',
  ])
  using db = new Sqlite(join(matrix.dataDir, 'cikit-api.db'), { readonly: true })
  expect(db.query('SELECT username FROM users ORDER BY number').values()).toEqual([['owner'], ['last']])
})
