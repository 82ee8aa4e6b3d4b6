import { expect, test } from 'bun:test'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { until } from '../../scripts/lib/run.ts'
import { refusedWith } from '../_support/cli.ts'
import { currentCode, startMatrix } from '../_support/e2e/matrix.ts'
import { briefServe } from '../_support/faults/brief-serve.ts'
import { mountSmallDisk } from '../_support/faults/small-disk.ts'

// A data directory on a disk of 2 MB that is full.

const KILOBYTES = 2_048
const socket = '/nonexistent/docker.sock'
/** With less than SQLite shares between processes in a file, the latter. */
const noSpace = /(?:disk is full|disk I\/O error|ENOSPC)/
const unwritable = { status: 503, body: { errorId: 922 } }

test('writes are refused, logins open nothing and use up no code, reads go on; with space again all is well', async () => {
  await using disk = await mountSmallDisk(KILOBYTES)
  await using matrix = await startMatrix({ socket, dataDir: disk.dataDir })
  const token = await matrix.signIn('owner')
  const viewer = await matrix.createUser('viewer', 'viewer')
  disk.fill()
  expect(await matrix.addUser(token, 'refused')).toMatchObject(unwritable)
  expect(await matrix.call('DELETE', '/user/auth/revoke/owner', token)).toMatchObject(unwritable)
  const attempt = { username: 'viewer', code: await currentCode(viewer.secret) }
  expect(await matrix.call('POST', '/user/auth', undefined, attempt)).toMatchObject(unwritable)
  expect(await matrix.usernames(token)).toEqual(['owner', 'viewer'])
  expect(await matrix.call('GET', '/user/sessions/viewer', token)).toMatchObject({ status: 200, body: [] })

  disk.free()
  expect(await matrix.call('POST', '/user/auth', undefined, attempt)).toMatchObject({ status: 200 })
  expect((await matrix.addUser(token, 'late')).status).toBe(200)
  expect(await matrix.usernames(token)).toEqual(['owner', 'viewer', 'late'])
})

test('the health is told from the first write that is refused on, and within a second of the space that is there again', async () => {
  await using disk = await mountSmallDisk(KILOBYTES)
  await using matrix = await startMatrix({ socket, dataDir: disk.dataDir })
  const token = await matrix.signIn('owner')
  const health = async () => JSON.parse(await matrix.cli('health', '--json'))
  expect(await health()).toEqual({ status: 'degraded', engine: 'away', store: 'ok' })
  disk.fill()
  expect(await matrix.addUser(token, 'refused')).toMatchObject(unwritable)
  expect(await health()).toMatchObject({ status: 'degraded', store: 'read-only' })
  expect(await matrix.cli('health')).toContain('the store cannot be written (see that its disk has space)')
  disk.free()
  expect(await until(1_000, async () => (await health()).store === 'ok')).toBe(true)
  const told = matrix.log.map(({ message }) => String(message)).filter(message => message.startsWith('the store'))
  expect(told).toEqual(['the store cannot be written', 'the store can be written again'])
})

test('the command line says in one line that the disk is full', async () => {
  await using disk = await mountSmallDisk(KILOBYTES)
  await using matrix = await startMatrix({ socket, dataDir: disk.dataDir })
  disk.fill()
  await expect(matrix.createUser('late', 'viewer')).rejects.toThrow(/:\ncikit-api: [^\n]*disk is full\)$/)
})

test.each([
  ['SIGTERM', 0],
  ['SIGKILL', 137],
] as const)('after %s on a full disk the next start has all that was acknowledged', async (signal, exitCode) => {
  await using disk = await mountSmallDisk(KILOBYTES)
  await using matrix = await startMatrix({ socket, dataDir: disk.dataDir })
  const token = await matrix.signIn('owner')
  for (const username of ['one', 'two']) expect((await matrix.addUser(token, username)).status).toBe(200)
  disk.fill()
  expect(await matrix.addUser(token, 'refused')).toMatchObject(unwritable)
  expect(await matrix.stop(signal)).toBe(exitCode)
  disk.free()
  await using again = await startMatrix({ socket, dataDir: disk.dataDir })
  expect(await again.usernames(token)).toEqual(['owner', 'one', 'two'])
})

test('a start on a full disk says so in one line, and the next one with space has everything', async () => {
  await using disk = await mountSmallDisk(KILOBYTES)
  await using matrix = await startMatrix({ socket, dataDir: disk.dataDir })
  const token = await matrix.signIn('owner')
  expect(await matrix.stop()).toBe(0)
  for (const blocks of [0, 1, 2, 3]) {
    disk.fill(blocks)
    expect(await briefServe(disk.dataDir)).toEqual(refusedWith(1, noSpace))
    disk.free()
  }
  await using again = await startMatrix({ socket, dataDir: disk.dataDir })
  expect(await again.usernames(token)).toEqual(['owner'])
})

test('a first start that runs out of space, wherever that is, says so in one line and leaves nothing in the way', async () => {
  await using disk = await mountSmallDisk(KILOBYTES)
  for (let blocks = 0; ; blocks += 3) {
    rmSync(disk.dataDir, { recursive: true, force: true })
    disk.fill(blocks)
    const { exitCode, stderr } = await briefServe(disk.dataDir, 3_000)
    disk.free()
    // Killed at the limit: with so much space it serves.
    if (exitCode === 137) break
    expect({ blocks, exitCode, stderr }).toEqual({ blocks, ...{ exitCode: 1, stderr: refusedWith(1, noSpace).stderr } })
    const left = existsSync(disk.dataDir) ? readdirSync(disk.dataDir) : []
    expect(left.filter(name => /\.key\.|\.new$/.test(name))).toEqual([])
    await using matrix = await startMatrix({ socket, dataDir: disk.dataDir })
    expect(await matrix.usernames(await matrix.signIn('owner'))).toEqual(['owner'])
  }
})
