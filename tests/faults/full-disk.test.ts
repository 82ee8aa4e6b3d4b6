import { expect, test } from 'bun:test'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { pollUntil } from '../../scripts/lib/run.ts'
import { expectedFailure } from '../testkit/cli.ts'
import { currentCode, startServerProcess } from '../testkit/e2e/server-process.ts'
import { runServeToExit } from '../testkit/faults/serve-to-exit.ts'
import { mountSmallDisk } from '../testkit/faults/small-disk.ts'

// A data directory on a full disk of 2 MB.

const KILOBYTES = 2_048
const DISK_BLOCKS = KILOBYTES / 4
const socket = '/nonexistent/docker.sock'
/** SQLite reports an I/O error if there is no space for its shared-memory file. */
const diskFullMessage = /(?:disk is full|disk I\/O error|ENOSPC)/
const unwritableResponse = { status: 503, body: { errorId: 922 } }

test('writes fail, logins consume no code and reads continue; everything works again with free space', async () => {
  await using disk = await mountSmallDisk(KILOBYTES)
  await using server = await startServerProcess({ socket, dataDir: disk.dataDir })
  const token = await server.logInAs('owner')
  const viewer = await server.createUser('viewer', 'viewer')
  disk.fill()
  expect(await server.addUser(token, 'rejected')).toMatchObject(unwritableResponse)
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

test('health reports the full disk after the first failed write, and free space within a second', async () => {
  await using disk = await mountSmallDisk(KILOBYTES)
  await using server = await startServerProcess({ socket, dataDir: disk.dataDir })
  const token = await server.logInAs('owner')
  const health = async (): Promise<Record<string, string>> => JSON.parse(await server.runCli('health', '--json'))
  expect(await health()).toEqual({ status: 'degraded', engine: 'away', store: 'ok' })
  disk.fill()
  expect(await server.addUser(token, 'rejected')).toMatchObject(unwritableResponse)
  expect(await health()).toMatchObject({ status: 'degraded', store: 'read-only' })
  expect(await server.runCli('health')).toContain('the store cannot be written (check that its disk has space)')
  disk.freeSpace()
  expect(await pollUntil(1_000, async () => (await health()).store === 'ok')).toBe(true)
  const storeMessages = server.log
    .map(({ message }) => String(message))
    .filter(message => message.startsWith('the store'))
  expect(storeMessages).toEqual(['the store cannot be written', 'the store is writable again'])
})

test('the command line reports a full disk in one line', async () => {
  await using disk = await mountSmallDisk(KILOBYTES)
  await using server = await startServerProcess({ socket, dataDir: disk.dataDir })
  disk.fill()
  await expect(server.createUser('late', 'viewer')).rejects.toThrow(/:\ncikit-api: [^\n]*disk is full\)$/)
})

test.each([
  ['SIGTERM', 0],
  ['SIGKILL', 137],
] as const)('a start after %s on a full disk has everything that was acknowledged', async (signal, exitCode) => {
  await using disk = await mountSmallDisk(KILOBYTES)
  await using server = await startServerProcess({ socket, dataDir: disk.dataDir })
  const token = await server.logInAs('owner')
  for (const username of ['one', 'two']) expect((await server.addUser(token, username)).status).toBe(200)
  disk.fill()
  expect(await server.addUser(token, 'rejected')).toMatchObject(unwritableResponse)
  expect(await server.stop(signal)).toBe(exitCode)
  disk.freeSpace()
  await using restarted = await startServerProcess({ socket, dataDir: disk.dataDir })
  expect(await restarted.usernames(token)).toEqual(['owner', 'one', 'two'])
})

test('a start on a full disk reports it in one line, and the next one with free space has everything', async () => {
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

test('a first start that runs out of space at any point reports it in one line and does not affect the next one', async () => {
  await using disk = await mountSmallDisk(KILOBYTES)
  let hasStarted = false
  for (let blocks = 0; blocks < DISK_BLOCKS; blocks += 3) {
    rmSync(disk.dataDir, { recursive: true, force: true })
    disk.fill(blocks)
    const { exitCode, stderr } = await runServeToExit(disk.dataDir, 3_000)
    disk.freeSpace()
    // Killed at the timeout: this is enough space to serve.
    hasStarted = exitCode === 137
    if (hasStarted) break
    expect({ blocks, exitCode, stderr }).toEqual({
      blocks,
      ...{ exitCode: 1, stderr: expectedFailure(1, diskFullMessage).stderr },
    })
    const leftovers = existsSync(disk.dataDir) ? readdirSync(disk.dataDir) : []
    expect(leftovers.filter(name => /\.key\.|\.new$/.test(name))).toEqual([])
    await using server = await startServerProcess({ socket, dataDir: disk.dataDir })
    expect(await server.usernames(await server.logInAs('owner'))).toEqual(['owner'])
  }
  expect(hasStarted).toBe(true)
})
