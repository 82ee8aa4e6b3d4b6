import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { chmodSync, chownSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { binary } from '../../scripts/lib/paths.ts'
import { run } from '../../scripts/lib/run.ts'
import { createFakeDocker, type FakeDocker } from '../testkit/docker/fake-docker.ts'
import { startServerProcess } from '../testkit/e2e/server-process.ts'
import { tempDir } from '../testkit/temp-dir.ts'

const NOBODY = 65_534

/** The files in a directory that belong to another user or group than nobody. */
function filesOfOthers(dir: string): string[] {
  return readdirSync(dir).filter(name => {
    const { uid, gid } = statSync(join(dir, name))
    return uid !== NOBODY || gid !== NOBODY
  })
}

test('create-user as root creates files that belong to the owner of the data directory', async () => {
  using dir = tempDir()
  chownSync(dir.path, NOBODY, NOBODY)
  await run([binary, 'create-user', '-u', 'ann', '-g', 'owner', '--data-dir', dir.path])
  const files = readdirSync(dir.path)
  expect(files).toContain('cikit-api.db')
  expect(files).toContain('sealing.key')
  expect(filesOfOthers(dir.path)).toEqual([])
})

describe('serve as root with the data directory of another user', () => {
  const GROUP = 4_711
  let dir: ReturnType<typeof tempDir>
  let engine: FakeDocker

  beforeEach(() => {
    dir = tempDir()
    chownSync(dir.path, NOBODY, NOBODY)
    chmodSync(dir.path, 0o711)
    engine = createFakeDocker(() => new Response(null, { status: 500 }))
    chmodSync(dirname(engine.socket), 0o711)
    chownSync(engine.socket, 0, GROUP)
  })
  afterEach(async () => {
    await engine[Symbol.asyncDispose]()
    dir[Symbol.dispose]()
  })

  test.each([
    ['srw-rw----', 0o660, [NOBODY, GROUP]],
    ['srw-------', 0o600, [NOBODY]],
  ])(
    "runs as that user, with the group of the engine's socket if the group may use it: %s",
    async (_, mode, groups) => {
      chmodSync(engine.socket, mode)
      await using server = await startServerProcess({ socket: engine.socket, dataDir: dir.path })
      const status = readFileSync(`/proc/${server.process.pid}/status`, 'utf8')
      const idsOf = (field: string) =>
        new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(status)?.[1]?.trim().split(/\s+/).map(Number)
      expect(idsOf('Uid')).toEqual(Array(4).fill(NOBODY))
      expect(idsOf('Gid')).toEqual(Array(4).fill(NOBODY))
      expect(idsOf('Groups')).toEqual(groups.toSorted((a, b) => a - b))
      expect(await server.stop()).toBe(0)
      expect(filesOfOthers(dir.path)).toEqual([])
    },
  )
})
