import { expect, test } from 'bun:test'
import { readdirSync } from 'node:fs'
import { until } from '../../scripts/lib/run.ts'
import { startMatrix } from '../_support/e2e/matrix.ts'
import { createFakeEngine } from '../_support/fake-engine.ts'
import { openConnections, sendSlowly } from '../_support/faults/connections.ts'
import { timed } from '../_support/timed.ts'

// Clients that take connections and give nothing.

const socket = '/nonexistent/docker.sock'
const FILES = 64
const halfARequest = 'GET /api/v1/user/list HTTP/1.1\r\nHost: matrix.test\r\n'

test(`with ${FILES} files allowed, 500 connections keep others out only as long as they are there`, async () => {
  await using engine = createFakeEngine()
  engine.run('cikit22')
  const wrap = ['bash', '-c', `ulimit -n ${FILES}; exec "$@"`, 'bash']
  await using matrix = await startMatrix({ socket: engine.socket, wrap })
  const token = await matrix.signIn('owner')
  using crowd = await openConnections(matrix.url, 500, halfARequest)
  expect(await until(5_000, () => readdirSync(`/proc/${matrix.process.pid}/fd`).length >= FILES)).toBe(true)
  // Over the connection that the login left open.
  expect((await matrix.addUser(token, 'meanwhile')).status).toBe(200)
  crowd.close()

  const answers = await Promise.all(Array.from({ length: 20 }, () => matrix.call('GET', '/user/list', token)))
  expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200))
  const isListed = async () => (await matrix.call('GET', '/droplet/list', token)).status === 200
  expect(await until(5_000, isListed)).toBe(true)
  expect((await matrix.addUser(token, 'after')).status).toBe(200)
  expect(await matrix.stop()).toBe(0)
  await using again = await startMatrix({ socket: engine.socket, dataDir: matrix.dataDir })
  expect(await again.usernames(token)).toEqual(['owner', 'meanwhile', 'after'])
})

test('1,000 connections that say nothing, or nothing more, slow nobody down, and are closed within 15 seconds', async () => {
  await using matrix = await startMatrix({ socket })
  const token = await matrix.signIn('owner')
  using mute = await openConnections(matrix.url, 500)
  using kept = await openConnections(matrix.url, 500, `${halfARequest}\r\n`)
  const closed = () => mute.closed() + kept.closed()
  const opened = performance.now()
  const times: number[] = []
  for (let request = 0; request < 1_000; request++) {
    const { answer, ms } = await timed(matrix.call('GET', '/user/list', token))
    expect(answer.status).toBe(200)
    times.push(ms)
  }
  // All of that has to have been measured while they were there.
  expect(closed()).toBe(0)
  expect(times.toSorted((a, b) => a - b)[989]).toBeLessThan(500)
  expect(await until(opened + 15_000 - performance.now(), () => closed() === 1_000)).toBe(true)
})

const head = `POST /api/v1/user/auth HTTP/1.1\r\nHost: matrix.test\r\nContent-Type: application/json\r\n`
test('whoever sends a byte a second is cut within 15 seconds', async () => {
  await using matrix = await startMatrix({ socket })
  const slow: [what: string, head: string, byte: string][] = [
    ['first line', 'P', 'P'],
    ['header', `${head}X-Name: `, 'x'],
    ['body', `${head}Content-Length: 1000\r\n\r\n`, 'x'],
    ['body in chunks', `${head}Transfer-Encoding: chunked\r\n\r\n`, '1\r\nx\r\n'],
  ]
  const times = slow.map(async ([what, bytes, byte]) => ({ what, ms: await sendSlowly(matrix.url, bytes, byte) }))
  for (const { what, ms } of await Promise.all(times)) {
    expect({ what, inTime: ms < 15_000 }).toEqual({ what, inTime: true })
  }
})
