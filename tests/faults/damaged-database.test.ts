import { Database as Sqlite } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { refusedWith } from '../_support/cli.ts'
import { type Enrolment, startMatrix } from '../_support/e2e/matrix.ts'
import { briefServe } from '../_support/faults/brief-serve.ts'
import { flipByte } from '../_support/faults/flip-byte.ts'

// One byte of the database, or of the key, is another one than was written.

const socket = '/nonexistent/docker.sock'
/** https://www.sqlite.org/fileformat.html: the page size is at 16, and each page begins with its type. */
const PAGE_SIZE_AT = 16

test('damage at the beginning of any page is found at the start, which is refused', async () => {
  await using matrix = await startMatrix({ socket })
  const token = await matrix.signIn('owner')
  expect(await matrix.stop()).toBe(0)
  const file = join(matrix.dataDir, 'cikit-api.db')
  const intact = join(matrix.dataDir, 'credentials', 'intact')
  copyFileSync(file, intact)
  const bytes = readFileSync(file)
  const pageSize = bytes.readUInt16BE(PAGE_SIZE_AT)
  for (let at = 0; at < bytes.length; at += pageSize) {
    flipByte(file, at)
    expect({ at, ...(await briefServe(matrix.dataDir)) }).toEqual({
      at,
      exitCode: 1,
      stdout: '',
      stderr: expect.stringMatching(
        /^cikit-api: The database [^\n]*cikit-api\.db is corrupt [^\n]*: put a backup[^\n]*\n$/,
      ),
    })
    copyFileSync(intact, file)
  }
  await using again = await startMatrix({ socket, dataDir: matrix.dataDir })
  expect(await again.usernames(token)).toEqual(['owner'])
})

test('a name that reads otherwise in an index than in its table is found at the start, too', async () => {
  await using matrix = await startMatrix({ socket })
  await matrix.createUser('unmistakable', 'viewer')
  expect(await matrix.stop()).toBe(0)
  const file = join(matrix.dataDir, 'cikit-api.db')
  const bytes = readFileSync(file)
  // Once in the table, where the group comes next, and once in the index.
  const at = [...bytes.toString('latin1').matchAll(/unmistakable(?!viewer)/g)].map(({ index }) => index)
  expect(at.length).toBeGreaterThan(0)
  flipByte(file, at[0] ?? 0)
  expect(await briefServe(matrix.dataDir)).toEqual(refusedWith(1, /is corrupt/))
})

test('a secret that is damaged opens nothing, and only to its own user', async () => {
  await using matrix = await startMatrix({ socket })
  const token = await matrix.signIn('owner')
  const [hit, spared] = [await matrix.createUser('hit', 'viewer'), await matrix.createUser('spared', 'viewer')]
  expect(await matrix.stop()).toBe(0)
  damageSecret(join(matrix.dataDir, 'cikit-api.db'), hit)
  await using again = await startMatrix({ socket, dataDir: matrix.dataDir })
  await expect(again.logIn(hit)).rejects.toThrow(/500 .*"errorId":0/)
  expect(await again.call('GET', '/user/auth/setup/hit', token)).toMatchObject({ status: 500, body: { errorId: 0 } })
  await again.logIn(spared)
  expect((await again.call('GET', '/user/sessions/hit', token)).body).toEqual([])
})

test.each([
  ['is another digit', 0, '3'],
  ['is no digit', 0, 'x'],
  ['in the middle is gone', 32, ''],
])('a key of which one digit %s is refused, by the name of its file', async (_, at, digit) => {
  await using matrix = await startMatrix({ socket })
  expect(await matrix.stop()).toBe(0)
  const file = join(matrix.dataDir, 'sealing.key')
  const key = readFileSync(file, 'utf8')
  // Whatever the digit was, it is another one now.
  const other = digit === key[at] ? '4' : digit
  await Bun.write(file, key.slice(0, at) + other + key.slice(at + 1))
  const { exitCode, stdout, stderr } = await briefServe(matrix.dataDir)
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
  expect(stderr).toMatch(new RegExp(`^cikit-api: The key (?:file|in) ${file} [^\\n]+: put the right one back\\n$`))
  expect(stderr).not.toContain(key.slice(1, 20))
})

function damageSecret(file: string, { username }: Enrolment): void {
  const db = new Sqlite(file, { readonly: true })
  const sealed = db.query<{ secret: Uint8Array }, [string]>('SELECT secret FROM users WHERE username = ?').get(username)
  db.close()
  const at = readFileSync(file).indexOf(Buffer.from(sealed?.secret ?? []))
  expect(at).toBeGreaterThan(0)
  flipByte(file, at + 20)
}
