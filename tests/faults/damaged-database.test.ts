import { Database as Sqlite } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expectedFailure } from '../testkit/cli.ts'
import { type CreatedUser, startServerProcess } from '../testkit/e2e/server-process.ts'
import { flipByte } from '../testkit/faults/flip-byte.ts'
import { runServeToExit } from '../testkit/faults/serve-to-exit.ts'

// One byte of the database or of the key is corrupt.

const socket = '/nonexistent/docker.sock'
/** https://www.sqlite.org/fileformat.html: the header has the page size at offset 16; each page starts with its type. */
const PAGE_SIZE_AT = 16

test('refuses to start with damage at the start of any page', async () => {
  await using server = await startServerProcess({ socket })
  const token = await server.logInAs('owner')
  expect(await server.stop()).toBe(0)
  const file = join(server.dataDir, 'cikit-api.db')
  const intactCopy = join(server.dataDir, 'credentials', 'intact')
  copyFileSync(file, intactCopy)
  const bytes = readFileSync(file)
  const pageSize = bytes.readUInt16BE(PAGE_SIZE_AT)
  for (let offset = 0; offset < bytes.length; offset += pageSize) {
    flipByte(file, offset)
    expect({ at: offset, ...(await runServeToExit(server.dataDir)) }).toEqual({
      at: offset,
      exitCode: 1,
      stdout: '',
      stderr: expect.stringMatching(
        /^cikit-api: The database [^\n]*cikit-api\.db is corrupt [^\n]*: restore a backup[^\n]*\n$/,
      ),
    })
    copyFileSync(intactCopy, file)
  }
  await using restarted = await startServerProcess({ socket, dataDir: server.dataDir })
  expect(await restarted.usernames(token)).toEqual(['owner'])
})

test('refuses to start with a name that differs between a table and its index', async () => {
  await using server = await startServerProcess({ socket })
  await server.createUser('unmistakable', 'viewer')
  expect(await server.stop()).toBe(0)
  const file = join(server.dataDir, 'cikit-api.db')
  const bytes = readFileSync(file)
  // The name is once in the table, followed by the group, and once in the index.
  const offsets = [...bytes.toString('latin1').matchAll(/unmistakable(?!viewer)/g)].map(({ index }) => index)
  expect(offsets.length).toBeGreaterThan(0)
  flipByte(file, offsets[0] ?? 0)
  expect(await runServeToExit(server.dataDir)).toEqual(expectedFailure(1, /is corrupt/))
})

test('a damaged secret only prevents the login of its own user', async () => {
  await using server = await startServerProcess({ socket })
  const token = await server.logInAs('owner')
  const [damaged, spared] = [await server.createUser('damaged', 'viewer'), await server.createUser('spared', 'viewer')]
  expect(await server.stop()).toBe(0)
  damageSecret(join(server.dataDir, 'cikit-api.db'), damaged)
  await using restarted = await startServerProcess({ socket, dataDir: server.dataDir })
  await expect(restarted.logIn(damaged)).rejects.toThrow(/500 .*"errorId":0/)
  expect(await restarted.call('GET', '/user/auth/setup/damaged', token)).toMatchObject({
    status: 500,
    body: { errorId: 0 },
  })
  await restarted.logIn(spared)
  expect((await restarted.call('GET', '/user/sessions/damaged', token)).body).toEqual([])
})

test.each([
  ['a wrong digit', 0, '3'],
  ['an invalid digit', 0, 'x'],
  ['a missing digit', 32, ''],
])('refuses to start with %s in the key, and names its file', async (_, index, digit) => {
  await using server = await startServerProcess({ socket })
  expect(await server.stop()).toBe(0)
  const file = join(server.dataDir, 'sealing.key')
  const key = readFileSync(file, 'utf8')
  // Make sure that the digit changes.
  const replacement = digit === key[index] ? '4' : digit
  await Bun.write(file, key.slice(0, index) + replacement + key.slice(index + 1))
  const { exitCode, stdout, stderr } = await runServeToExit(server.dataDir)
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
  expect(stderr).toMatch(
    new RegExp(`^cikit-api: The key (?:file|in) ${file} [^\\n]+: restore the right (?:key|one)\\n$`),
  )
  expect(stderr).not.toContain(key.slice(1, 20))
})

function damageSecret(file: string, { username }: CreatedUser): void {
  const db = new Sqlite(file, { readonly: true })
  const row = db.query<{ secret: Uint8Array }, [string]>('SELECT secret FROM users WHERE username = ?').get(username)
  db.close()
  const offset = readFileSync(file).indexOf(Buffer.from(row?.secret ?? []))
  expect(offset).toBeGreaterThan(0)
  flipByte(file, offset + 20)
}
