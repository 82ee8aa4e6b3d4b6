import { expect, test } from 'bun:test'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { pollUntil } from '../../scripts/lib/run.ts'
import { expectedFailure } from '../testkit/cli.ts'
import { currentCode, startServerProcess } from '../testkit/e2e/server-process.ts'
import { runServeToExit } from '../testkit/faults/serve-to-exit.ts'
import { mountSmallDisk } from '../testkit/faults/small-disk.ts'

// A data directory on a disk of 2 MB that is full.

const KILOBYTES = 2_048
const socket = '/nonexistent/docker.sock'
/** With less than SQLite shares between processes in a file, the latter. */
const diskFullMessage = /(?:disk is full|disk I\/O error|ENOSPC)/
const unwritableResponse = { status: 503, body: { errorId: 922 } }

test('writes are refused, logins open nothing and use up no code, reads go on; with space again all is well', async () => {
  await using disk = await mountSmallDisk(KILOBYTES)
  await using server = await startServerProcess({ socket, dataDir: disk.dataDir })
  const token = await server.logInAs('owner')
  const viewer = await server.createUser('viewer', 'viewer')
  disk.fill()
  expect(await server.addUser(token, 'refused')).toMatchObject(unwritableResponse)
  expect(await server.call('DELETE', '/user/auth/revoke/owner', token)).toMatchObject(unwritableResponse)
  const attempt = { username: 'viewer', code: await currentCode(viewer.secret) }
  expect(await server.call('POST', '/user/auth', undefined, attempt)).toMatchObject(unwritableResponse)
  expect(await server.usernames(token)).toEqual(['owner', 'viewer'])
  expect(await server.call('GET', '/user/sessions/viewer', token)).toMatchObject({ status: 200, body: [] })

  disk.freeSpace()
  expect(await server.call('POST', '/user/auth', undefined, attempt)).toMatchObject({ status: 200 })
  expect((await server.addUser(token, 'late')).status).toBe(200)
  expect(await server.usernames(token)).toEqual(['owner', 'viewer', 'late'])
})

test('the health is told from the first write that is refused on, and within a second of the space that is there again', async () => {
  await using disk = await mountSmallDisk(KILOBYTES)
  await using server = await startServerProcess({ socket, dataDir: disk.dataDir })
  const token = await server.logInAs('owner')
  const health = async () => JSON.parse(await server.runCli('health', '--json'))
  expect(await health()).toEqual({ status: 'degraded', engine: 'away', store: 'ok' })
  disk.fill()
  expect(await server.addUser(token, 'refused')).toMatchObject(unwritableResponse)
  expect(await health()).toMatchObject({ status: 'degraded', store: 'read-only' })
  expect(await server.runCli('health')).toContain('the store cannot be written (see that its disk has space)')
  disk.freeSpace()
  expect(await pollUntil(1_000, async () => (await health()).store === 'ok')).toBe(true)
  const storeMessages = server.log
    .map(({ message }) => String(message))
    .filter(message => message.startsWith('the store'))
  expect(storeMessages).toEqual(['the store cannot be written', 'the store can be written again'])
})

test('the command line says in one line that the disk is full', async () => {
  await using disk = await mountSmallDisk(KILOBYTES)
  await using server = await startServerProcess({ socket, dataDir: disk.dataDir })
  disk.fill()
  await expect(server.createUser('late', 'viewer')).rejects.toThrow(/:\ncikit-api: [^\n]*disk is full\)$/)
})

test.each([
  ['SIGTERM', 0],
  ['SIGKILL', 137],
] as const)('after %s on a full disk the next start has all that was acknowledged', async (signal, exitCode) => {
  await using disk = await mountSmallDisk(KILOBYTES)
  await using server = await startServerProcess({ socket, dataDir: disk.dataDir })
  const token = await server.logInAs('owner')
  for (const username of ['one', 'two']) expect((await server.addUser(token, username)).status).toBe(200)
  disk.fill()
  expect(await server.addUser(token, 'refused')).toMatchObject(unwritableResponse)
  expect(await server.stop(signal)).toBe(exitCode)
  disk.freeSpace()
  await using restarted = await startServerProcess({ socket, dataDir: disk.dataDir })
  expect(await restarted.usernames(token)).toEqual(['owner', 'one', 'two'])
})

test('a start on a full disk says so in one line, and the next one with space has everything', async () => {
  await using disk = await mountSmallDisk(KILOBYTES)
  await using server = await startServerProcess({ socket, dataDir: disk.dataDir })
  const token = await server.logInAs('owner')
  expect(await server.stop()).toBe(0)
  for (const blocks of [0, 1, 2, 3]) {
    disk.fill(blocks)
    expect(await runServeToExit(disk.dataDir)).toEqual(expectedFailure(1, diskFullMessage))
    disk.freeSpace()
  }
  await using restarted = await startServerProcess({ socket, dataDir: disk.dataDir })
  expect(await restarted.usernames(token)).toEqual(['owner'])
})

test('a first start that runs out of space, wherever that is, says so in one line and leaves nothing in the way', async () => {
  await using disk = await mountSmallDisk(KILOBYTES)
  for (let blocks = 0; ; blocks += 3) {
    rmSync(disk.dataDir, { recursive: true, force: true })
    disk.fill(blocks)
    const { exitCode, stderr } = await runServeToExit(disk.dataDir, 3_000)
    disk.freeSpace()
    // Killed at the limit: with so much space it serves.
    if (exitCode === 137) break
    expect({ blocks, exitCode, stderr }).toEqual({
      blocks,
      ...{ exitCode: 1, stderr: expectedFailure(1, diskFullMessage).stderr },
    })
    const leftovers = existsSync(disk.dataDir) ? readdirSync(disk.dataDir) : []
    expect(leftovers.filter(name => /\.key\.|\.new$/.test(name))).toEqual([])
    await using server = await startServerProcess({ socket, dataDir: disk.dataDir })
    expect(await server.usernames(await server.logInAs('owner'))).toEqual(['owner'])
  }
})
