import { expect, test } from 'bun:test'
import { readdirSync } from 'node:fs'
import { pollUntil } from '../../scripts/lib/run.ts'
import { createFakeDocker } from '../testkit/docker/fake-docker.ts'
import { startServerProcess } from '../testkit/e2e/server-process.ts'
import { openConnections, sendSlowly } from '../testkit/faults/connections.ts'
import { timed } from '../testkit/timed.ts'

// Clients that open connections and send nothing or almost nothing.

const socket = '/nonexistent/docker.sock'
const MAX_FILES = 64
const partialRequest = 'GET /api/v1/user/list HTTP/1.1\r\nHost: matrix.test\r\n'

test(`recovers from 500 connections with a limit of ${MAX_FILES} files`, async () => {
  await using engine = createFakeDocker()
  engine.addRunningDroplet('cikit22')
  const commandPrefix = ['bash', '-c', `ulimit -n ${MAX_FILES}; exec "$@"`, 'bash']
  await using server = await startServerProcess({ socket: engine.socket, commandPrefix })
  const token = await server.logInAs('owner')
  using connections = await openConnections(server.url, 500, partialRequest)
  expect(await pollUntil(5_000, () => readdirSync(`/proc/${server.process.pid}/fd`).length >= MAX_FILES)).toBe(true)
  // Uses the connection that the login left open.
  expect((await server.addUser(token, 'meanwhile')).status).toBe(200)
  connections.close()

  const responses = await Promise.all(Array.from({ length: 20 }, () => server.call('GET', '/user/list', token)))
  expect(responses.map(({ status }) => status)).toEqual(Array(20).fill(200))
  const isDropletListOk = async () => (await server.call('GET', '/droplet/list', token)).status === 200
  expect(await pollUntil(5_000, isDropletListOk)).toBe(true)
  expect((await server.addUser(token, 'after')).status).toBe(200)
  expect(await server.stop()).toBe(0)
  await using restarted = await startServerProcess({ socket: engine.socket, dataDir: server.dataDir })
  expect(await restarted.usernames(token)).toEqual(['owner', 'meanwhile', 'after'])
})

test.concurrent('1,000 idle connections do not slow requests down and are closed within 15 seconds', async () => {
  await using server = await startServerProcess({ socket })
  const token = await server.logInAs('owner')
  using silentConnections = await openConnections(server.url, 500)
  using keptAlive = await openConnections(server.url, 500, `${partialRequest}\r\n`)
  const closedCount = () => silentConnections.closedCount() + keptAlive.closedCount()
  const opened = performance.now()
  const times: number[] = []
  for (let request = 0; request < 1_000; request++) {
    const { result, ms } = await timed(server.call('GET', '/user/list', token))
    expect(result.status).toBe(200)
    times.push(ms)
  }
  // All requests were measured while the connections were open.
  expect(closedCount()).toBe(0)
  expect(times.toSorted((a, b) => a - b)[989]).toBeLessThan(500)
  expect(await pollUntil(opened + 15_000 - performance.now(), () => closedCount() === 1_000)).toBe(true)
})

const head = `POST /api/v1/user/auth HTTP/1.1\r\nHost: matrix.test\r\nContent-Type: application/json\r\n`
test.concurrent('disconnects a client that sends a byte a second within 15 seconds', async () => {
  await using server = await startServerProcess({ socket })
  const slowClients: [label: string, head: string, byte: string][] = [
    ['first line', 'P', 'P'],
    ['header', `${head}X-Name: `, 'x'],
    ['body', `${head}Content-Length: 1000\r\n\r\n`, 'x'],
    ['body in chunks', `${head}Transfer-Encoding: chunked\r\n\r\n`, '1\r\nx\r\n'],
  ]
  const times = slowClients.map(async ([label, bytes, byte]) => ({
    label,
    ms: await sendSlowly(server.url, bytes, byte),
  }))
  for (const { label, ms } of await Promise.all(times)) {
    expect({ label, inTime: ms < 15_000 }).toEqual({ label, inTime: true })
  }
})
