import { expect, test } from 'bun:test'
import { chownSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { binary } from '../../scripts/lib/paths.ts'
import { run } from '../../scripts/lib/run.ts'
import { EXPORTED_SECRET, exportedUser, formatExport } from '../testkit/backups/users-export.ts'
import { startServerProcess } from '../testkit/e2e/server-process.ts'
import { tempDir } from '../testkit/temp-dir.ts'

const NOBODY = 65_534
const OTHER_SECRET = 'KY3WK62UJRYG6YTPMJSWKLZGGFAXIKBVKR3DA5RXFFPFO6CJF5IA'

function createExport() {
  const dir = tempDir()
  const file = join(dir.path, 'users.json')
  const canonical = { created: { $date: { $numberLong: '1527664351114' } }, __v: { $numberInt: '0' } }
  const users = [
    exportedUser('BR0kEN', 'owner'),
    exportedUser('ann', 'manager', { ...canonical, secret: OTHER_SECRET }),
  ]
  writeFileSync(file, formatExport(...users), { mode: 0o600 })
  return { file, [Symbol.dispose]: dir[Symbol.dispose] }
}

test('imported users log in with codes of their previous secrets while the server runs', async () => {
  using exported = createExport()
  await using server = await startServerProcess({ socket: '/nonexistent/docker.sock' })
  const { taken, refused }: Record<'taken' | 'refused', number> = JSON.parse(
    await server.runCli('import', exported.file, '--write', '--json'),
  )
  expect({ taken, refused }).toEqual({ taken: 2, refused: 0 })

  const owner = await server.logIn({ username: 'BR0kEN', secret: EXPORTED_SECRET })
  const manager = await server.logIn({ username: 'ann', secret: OTHER_SECRET })
  expect((await server.call('GET', '/user/list', owner.access_token)).body).toMatchObject([
    { username: 'BR0kEN', group: 'owner', created: '2018-05-30T07:12:31.114Z' },
    { username: 'ann', group: 'manager', created: '2018-05-30T07:12:31.114Z' },
  ])
  expect((await server.call('GET', '/user/list', manager.access_token)).body).toMatchObject({ errorId: 912 })
})

test('imports an export that only root can read into a data directory of another user', async () => {
  using exported = createExport()
  using dir = tempDir()
  chownSync(dir.path, NOBODY, NOBODY)
  await run([binary, 'import', exported.file, '--write', '--data-dir', dir.path])
  expect(statSync(join(dir.path, 'cikit-api.db')).uid).toBe(NOBODY)
})
