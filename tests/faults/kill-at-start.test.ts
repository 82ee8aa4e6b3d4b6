import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'
import { runServeToExit } from '../testkit/faults/serve-to-exit.ts'
import { tempDir } from '../testkit/temp-dir.ts'
import { timed } from '../testkit/timed.ts'

// kill -9 at moments spread over the duration of a start.

const socket = '/nonexistent/docker.sock'
const MOMENT_COUNT = 20

/** Milliseconds after which to kill, up to slightly more than a start takes. */
async function startupMoments(): Promise<number[]> {
  const { ms, result } = await timed(startServerProcess({ socket }))
  await result[Symbol.asyncDispose]()
  return Array.from({ length: MOMENT_COUNT }, (_, index) => Math.ceil((1.2 * ms * (index + 1)) / MOMENT_COUNT))
}

const logInAsOwner = async (server: ServerProcess) => await server.logIn(await server.createUser('owner', 'owner'))

test('a killed first start does not prevent the next one', async () => {
  using dir = tempDir()
  for (const ms of await startupMoments()) {
    const dataDir = join(dir.path, `killed-after-${ms}`)
    expect((await runServeToExit(dataDir, ms)).exitCode).toBe(137)
    await using server = await startServerProcess({ socket, dataDir })
    await logInAsOwner(server)
  }
})

test('starts killed during recovery lose nothing that was acknowledged', async () => {
  await using server = await startServerProcess({ socket })
  const token = (await logInAsOwner(server)).access_token
  for (const username of ['one', 'two', 'three']) expect((await server.addUser(token, username)).status).toBe(200)
  await server.stop('SIGKILL')
  for (const ms of await startupMoments()) expect((await runServeToExit(server.dataDir, ms)).exitCode).toBe(137)
  await using restarted = await startServerProcess({ socket, dataDir: server.dataDir })
  expect(await restarted.usernames(token)).toEqual(['owner', 'one', 'two', 'three'])
})
