import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { type Matrix, startMatrix } from '../_support/e2e/matrix.ts'
import { briefServe } from '../_support/faults/brief-serve.ts'
import { tempDir } from '../_support/temp-dir.ts'
import { timed } from '../_support/timed.ts'

// kill -9 while serve starts, at moments spread over the time that a start takes.

const socket = '/nonexistent/docker.sock'
const MOMENTS = 20

/** Milliseconds after which to kill: from the first on until it serves for certain. */
async function momentsOfAStart(): Promise<number[]> {
  const { ms, answer } = await timed(startMatrix({ socket }))
  await answer[Symbol.asyncDispose]()
  return Array.from({ length: MOMENTS }, (_, at) => Math.ceil((1.2 * ms * (at + 1)) / MOMENTS))
}

const logInAsOwner = async (matrix: Matrix) => await matrix.logIn(await matrix.createUser('owner', 'owner'))

test('a first start that was killed leaves nothing that keeps the next one from starting', async () => {
  using dir = tempDir()
  for (const ms of await momentsOfAStart()) {
    const dataDir = join(dir.path, `killed-after-${ms}`)
    expect((await briefServe(dataDir, ms)).exitCode).toBe(137)
    await using matrix = await startMatrix({ socket, dataDir })
    await logInAsOwner(matrix)
  }
})

test('starts that were killed while they recovered lose nothing of what was acknowledged', async () => {
  await using matrix = await startMatrix({ socket })
  const token = (await logInAsOwner(matrix)).access_token
  for (const username of ['one', 'two', 'three']) expect((await matrix.addUser(token, username)).status).toBe(200)
  await matrix.stop('SIGKILL')
  for (const ms of await momentsOfAStart()) expect((await briefServe(matrix.dataDir, ms)).exitCode).toBe(137)
  await using again = await startMatrix({ socket, dataDir: matrix.dataDir })
  expect(await again.usernames(token)).toEqual(['owner', 'one', 'two', 'three'])
})
