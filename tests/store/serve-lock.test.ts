import { expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { OperatorError } from '../../src/core/errors.ts'
import { openDatabase } from '../../src/store/database.ts'
import { acquireServeLock, findLockHolder } from '../../src/store/serve-lock.ts'
import { fileModes, setUmask } from '../testkit/file-modes.ts'
import { tempDir } from '../testkit/temp-dir.ts'

/** Another process that has the lock by the time this resolves. */
async function startLockHolder(dataDir: string, address = '') {
  const script = join(import.meta.dir, '../testkit/store/hold-serve-lock.ts')
  const child = Bun.spawn([process.execPath, script, dataDir, address], { stdout: 'pipe', stderr: 'inherit' })
  const { value } = await child.stdout.getReader().read()
  expect(new TextDecoder().decode(value)).toBe('held\n')
  return {
    pid: child.pid,
    async kill() {
      child.kill('SIGKILL')
      await child.exited
    },
    async [Symbol.asyncDispose]() {
      await this.kill()
    },
  }
}

test('rejects a second process, naming the holder and its address', async () => {
  using dir = tempDir()
  await using holder = await startLockHolder(dir.path, 'http://127.0.0.1:1337/')
  expect(() => acquireServeLock(dir.path)).toThrow(OperatorError)
  expect(() => acquireServeLock(dir.path)).toThrow(
    `${dir.path} is already served by process ${holder.pid} on http://127.0.0.1:1337/: stop it first`,
  )
})

test('rejects a second process while the first is starting', async () => {
  using dir = tempDir()
  await using _ = await startLockHolder(dir.path)
  expect(() => acquireServeLock(dir.path)).toThrow(/already served by another process, which is starting or stopping/)
})

test('a rejected process does not affect the holder', async () => {
  using dir = tempDir()
  await using holder = await startLockHolder(dir.path, 'http://127.0.0.1:1337/')
  for (let attempt = 0; attempt < 3; attempt++) {
    expect(() => acquireServeLock(dir.path)).toThrow(`process ${holder.pid} on`)
  }
})

test('killing the holder releases the lock', async () => {
  using dir = tempDir()
  await using holder = await startLockHolder(dir.path, 'http://127.0.0.1:1337/')
  await holder.kill()
  const lock = acquireServeLock(dir.path)
  lock.release()
})

test('does not name a killed holder after a new one took the lock', async () => {
  using dir = tempDir()
  await using killed = await startLockHolder(dir.path, 'http://127.0.0.1:1337/')
  await killed.kill()
  await using _ = await startLockHolder(dir.path)
  expect(() => acquireServeLock(dir.path)).toThrow(/already served by another process, which is starting or stopping/)
})

test('a released lock can be taken again and names no earlier holder', () => {
  using dir = tempDir()
  const first = acquireServeLock(dir.path)
  first.announce('http://127.0.0.1:1/')
  first.release()
  expect(existsSync(join(dir.path, 'serve.json'))).toBe(false)
  const second = acquireServeLock(dir.path)
  expect(() => acquireServeLock(dir.path)).toThrow(/another process, which is starting or stopping/)
  second.release()
})

test('the address of the server is known while it serves', () => {
  using dir = tempDir()
  expect(findLockHolder(dir.path)).toBeUndefined()
  const lock = acquireServeLock(dir.path)
  expect(findLockHolder(dir.path)).toBeUndefined()
  lock.announce('http://127.0.0.1:1337/')
  expect(findLockHolder(dir.path)?.address).toBe('http://127.0.0.1:1337/')
  lock.release()
  expect(findLockHolder(dir.path)).toBeUndefined()
})

test('accepts a directory that was only locked before', async () => {
  using dir = tempDir()
  await using holder = await startLockHolder(dir.path)
  await holder.kill()
  const lock = acquireServeLock(dir.path)
  openDatabase(dir.path, { now: () => 0 }).close()
  lock.release()
  expect(existsSync(join(dir.path, 'cikit-api.db'))).toBe(true)
})

test('two directories are served side by side', () => {
  using one = tempDir()
  using two = tempDir()
  const locks = [acquireServeLock(one.path), acquireServeLock(two.path)]
  for (const lock of locks) lock.release()
})

test('lock files are 0600, whatever the umask', () => {
  using _ = setUmask(0)
  using dir = tempDir()
  const lock = acquireServeLock(dir.path)
  lock.announce('http://127.0.0.1:1337/')
  const modes = fileModes(dir.path)
  expect(modes).toMatchObject({ 'serve.lock': '600', 'serve.json': '600' })
  expect(new Set(Object.values(modes))).toEqual(new Set(['600']))
  lock.release()
})

test('other processes can find the server until it is gone', async () => {
  using dir = tempDir()
  expect(findLockHolder(dir.path)).toBeUndefined()
  await using holder = await startLockHolder(dir.path, 'http://127.0.0.1:1337/')
  expect(findLockHolder(dir.path)).toMatchObject({ pid: holder.pid, address: 'http://127.0.0.1:1337/' })
  await holder.kill()
  expect(findLockHolder(dir.path)).toBeUndefined()
})
