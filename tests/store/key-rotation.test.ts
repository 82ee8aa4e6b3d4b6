import { Database } from 'bun:sqlite'
import { describe, expect, test } from 'bun:test'
import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createCoreContext } from '../../src/core-context.ts'
import { encryptionKeyFile } from '../../src/store/encryption-key.ts'
import { rotateKey } from '../../src/store/key-rotation.ts'
import { openSecretBox } from '../../src/store/rotatable-secret-box.ts'
import { TEST_ACTOR } from '../testkit/actor.ts'
import { createTestApi, type TestApi } from '../testkit/api/test-api.ts'
import { codeAt } from '../testkit/auth/totp.ts'
import { fileMode } from '../testkit/file-modes.ts'
import { createTestStore } from '../testkit/store/test-store.ts'

const systemRandom = (size: number) => crypto.getRandomValues(new Uint8Array(size))
const keyFileOf = (api: TestApi) => join(api.dataDir, 'sealing.key')
const readKeyOf = (api: TestApi) => readFileSync(keyFileOf(api), 'utf8')

/** Rotates the key as another process would. */
async function rotateInOtherProcess(api: TestApi): Promise<number> {
  const access = await createCoreContext(api.config, { now: api.clock.now, monotonic: api.clock.monotonic })
  try {
    return await access.rotateKey(TEST_ACTOR)
  } finally {
    await access.close()
  }
}

async function loginStatus(api: TestApi, user: { username: string; secret: string }) {
  api.clock.advance(60_000)
  const json = { username: user.username, code: codeAt(user.secret, api.clock.now()) }
  return (await api.call('POST', '/user/auth', { json })).status
}

test('re-encrypts every secret with a new key while the API keeps running', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  const ada = await api.createUser('ada', 'viewer')
  const { body } = await api.call('POST', '/user/enrol/ada', { token })
  const { enrolment_token } = body as { enrolment_token: string }
  const shown = (await api.call('POST', '/user/auth/enrol', { json: { enrolment_token } })).body as { secret: string }
  const secrets = () =>
    api.context.db.sql.query('SELECT secret FROM users UNION ALL SELECT secret FROM enrolments').values()
  const [before, keyBefore] = [secrets(), readKeyOf(api)]

  expect(await rotateInOtherProcess(api)).toBe(3)
  expect(readKeyOf(api)).toMatch(/^[0-9a-f]{64}\n$/)
  expect(readKeyOf(api)).not.toBe(keyBefore)
  expect(fileMode(keyFileOf(api))).toBe('600')
  expect(existsSync(`${keyFileOf(api)}.new`)).toBe(false)
  for (const [index, row] of secrets().entries()) expect(row).not.toEqual(before[index])

  expect(await loginStatus(api, ada)).toBe(200)
  const keys = new Set([keyBefore, readKeyOf(api)])
  for (let again = 0; again < 2; again++) {
    expect(await rotateInOtherProcess(api)).toBe(3)
    keys.add(readKeyOf(api))
  }
  expect(keys.size).toBe(4)
  expect(await loginStatus(api, { username: 'ada', secret: shown.secret })).toBe(200)
  expect(await loginStatus(api, { username: 'nobody', secret: shown.secret })).toBe(400)
  const added = await api.createUser('bob', 'viewer')
  expect(await loginStatus(api, added)).toBe(200)
  await api.restart()
  expect(await loginStatus(api, { username: 'ada', secret: shown.secret })).toBe(200)
  expect(await loginStatus(api, added)).toBe(200)
})

test('users added during rotations can log in, or their creation failed with an error', async () => {
  await using api = await createTestApi()
  const users: { username: string; secret: string }[] = []
  const add = async () => {
    for (let number = 0; number < 30; number++) {
      const user = await api.createUser(`user${number}`, 'viewer').catch(error => {
        expect(error).toMatchObject({ errorId: 922 })
        return undefined
      })
      if (user) users.push(user)
    }
  }
  const adding = add()
  for (let round = 0; round < 5; round++) {
    await rotateInOtherProcess(api).catch(error => expect(String(error)).toContain('quieter time'))
  }
  await adding
  await rotateInOtherProcess(api)
  expect(users.length).toBeGreaterThan(0)
  for (const user of users) expect(await loginStatus(api, user)).toBe(200)
  expect(api.context.users.list()).toHaveLength(users.length)
})

test('a secret that changes during a rotation keeps its new value', async () => {
  await using api = await createTestApi()
  const { sql } = api.context.db
  const secretOf = () => sql.query<{ secret: Uint8Array }, []>('SELECT secret FROM users').get()?.secret ?? null
  const writeSecret = (secret: Uint8Array | null) => void sql.run('UPDATE users SET secret = ?', [secret])
  await api.createUser('ada', 'viewer')
  const old = secretOf()
  const { secret } = await api.context.users.provision(TEST_ACTOR, 'ada', 'viewer', true)
  const changed = secretOf()
  writeSecret(old)
  let keyCount = 0
  const random = (size: number) => {
    if (size === 32) keyCount += 1
    // The first nonce after the new key: the old secret has already been read.
    else if (keyCount === 1 && size === 12) writeSecret(changed)
    return crypto.getRandomValues(new Uint8Array(size))
  }
  const secretBox = await openSecretBox(api.context.db, api.config, systemRandom)
  const file = keyFileOf(api)
  expect(await rotateKey(api.context.db, secretBox, file, random, () => {})).toBe(1)
  expect(keyCount).toBe(2)
  expect(await loginStatus(api, { username: 'ada', secret: secret.reveal() })).toBe(200)
})

test('values read before a rotation can be decrypted after it', async () => {
  using store = createTestStore()
  const secretBox = await openSecretBox(store.db, store, systemRandom)
  const plain = new TextEncoder().encode('plain')
  const before = await secretBox.encrypt(plain, 'ada')
  await rotateKey(store.db, secretBox, encryptionKeyFile(store), systemRandom, () => {})
  expect(secretBox.isCurrent(before)).toBe(false)
  expect(() => secretBox.requireCurrent(before)).toThrow('try again')
  const after = await secretBox.encrypt(plain, 'ada')
  expect(secretBox.isCurrent(after)).toBe(true)
  for (const encrypted of [before, after]) expect(await secretBox.decrypt(encrypted, 'ada')).toEqual(plain)
})

test('the database contains neither the old nor the new key', async () => {
  await using api = await createTestApi()
  await api.createUser('ada', 'viewer')
  const containsKey = () => {
    const values = api.context.db.sql.query('SELECT * FROM encryption_key_check').values().flat()
    const key = Buffer.from(readKeyOf(api).trim(), 'hex')
    return values.map(value => value instanceof Uint8Array && Buffer.from(value).includes(key))
  }
  expect(containsKey()).toEqual([false, false, false])
  await rotateInOtherProcess(api)
  expect(containsKey()).toEqual([false, false, false])
})

describe('a killed rotation', () => {
  test('is finished by the next start if it was committed', async () => {
    await using api = await createTestApi()
    const ada = await api.createUser('ada', 'viewer')
    const oldKey = readKeyOf(api)
    await rotateInOtherProcess(api)
    const newKey = readKeyOf(api)
    writeFileSync(`${keyFileOf(api)}.new`, newKey)
    writeFileSync(keyFileOf(api), oldKey)
    await api.restart()
    expect(readKeyOf(api)).toBe(newKey)
    expect(existsSync(`${keyFileOf(api)}.new`)).toBe(false)
    expect(await loginStatus(api, ada)).toBe(200)
  })

  test('is finished by a running server if it was committed', async () => {
    await using api = await createTestApi()
    const ada = await api.createUser('ada', 'viewer')
    const oldKey = readKeyOf(api)
    await rotateInOtherProcess(api)
    writeFileSync(`${keyFileOf(api)}.new`, readKeyOf(api))
    writeFileSync(keyFileOf(api), oldKey)
    expect(await loginStatus(api, ada)).toBe(200)
    expect(existsSync(`${keyFileOf(api)}.new`)).toBe(false)
  })

  test('that could not replace the key file works from the new file', async () => {
    await using api = await createTestApi()
    const ada = await api.createUser('ada', 'viewer')
    await rotateInOtherProcess(api)
    writeFileSync(`${keyFileOf(api)}.new`, readKeyOf(api))
    // Stands in for a mount point, which cannot be replaced by a rename either.
    rmSync(keyFileOf(api))
    mkdirSync(keyFileOf(api))
    await api.restart()
    expect(await loginStatus(api, ada)).toBe(200)
  })

  test.each([
    ['a complete key', `${'a5'.repeat(32)}\n`],
    ['half a key', 'a5a5'],
    ['no key', ''],
  ])('is discarded if it was not committed and left %s', async (_, left) => {
    await using api = await createTestApi()
    const ada = await api.createUser('ada', 'viewer')
    const key = readKeyOf(api)
    writeFileSync(`${keyFileOf(api)}.new`, left)
    await api.restart()
    expect(readKeyOf(api)).toBe(key)
    expect(existsSync(`${keyFileOf(api)}.new`)).toBe(false)
    expect(await loginStatus(api, ada)).toBe(200)
  })
})

test('if neither file has the right key, both are kept', async () => {
  await using api = await createTestApi()
  const files = [keyFileOf(api), `${keyFileOf(api)}.new`]
  const contents = ['a5', 'b6'].map(byte => `${byte.repeat(32)}\n`)
  for (const [index, file] of files.entries()) writeFileSync(file, contents[index] ?? '')
  await expect(createCoreContext(api.config)).rejects.toThrow('is not the one')
  expect(files.map(file => readFileSync(file, 'utf8'))).toEqual(contents)
})

test('a symbolic link to the key file is kept, and its target replaced', async () => {
  using store = createTestStore()
  const [keyFile, target] = [join(store.dataDir, 'link.hex'), join(store.dataDir, 'target.hex')]
  writeFileSync(target, `${'a5'.repeat(32)}\n`)
  symlinkSync(target, keyFile)
  const location = { ...store, keyFile }
  const secretBox = await openSecretBox(store.db, location, systemRandom)
  await rotateKey(store.db, secretBox, encryptionKeyFile(location), systemRandom, () => {})
  expect(lstatSync(keyFile).isSymbolicLink()).toBe(true)
  expect(lstatSync(target).isFile()).toBe(true)
  expect(readFileSync(target, 'utf8')).not.toContain('a5a5')
  await openSecretBox(store.db, location, systemRandom)
})

test('nothing changes if the new key cannot be written', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  const key = readKeyOf(api)
  const access = await createCoreContext(api.config, { now: api.clock.now, monotonic: api.clock.monotonic })
  // Even root cannot write a file over a directory.
  mkdirSync(`${keyFileOf(api)}.new/folder`, { recursive: true })
  await expect(access.rotateKey(TEST_ACTOR)).rejects.toThrow()
  await access.close()
  expect(readKeyOf(api)).toBe(key)
  expect(await loginStatus(api, ada)).toBe(200)
})

test('a second rotation does not overwrite a pending key', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  const access = await createCoreContext(api.config, { now: api.clock.now, monotonic: api.clock.monotonic })
  const key = readKeyOf(api)
  writeFileSync(`${keyFileOf(api)}.new`, key)
  // A non-empty directory cannot be replaced.
  rmSync(keyFileOf(api))
  mkdirSync(`${keyFileOf(api)}/folder`, { recursive: true })
  await expect(access.rotateKey(TEST_ACTOR)).rejects.toThrow('move it there by hand')
  await access.close()
  expect(readFileSync(`${keyFileOf(api)}.new`, 'utf8')).toBe(key)
  expect(await loginStatus(api, ada)).toBe(200)
})

test('a login succeeds and counts no failure if its secret is re-encrypted meanwhile', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  const secretBox = await openSecretBox(api.context.db, api.config, systemRandom)
  const row = api.context.db.sql.query<{ id: string; secret: Uint8Array }, []>('SELECT id, secret FROM users').get()
  const reencrypted = await secretBox.encrypt(
    await secretBox.decrypt(row?.secret ?? new Uint8Array(), row?.id ?? ''),
    row?.id ?? '',
  )
  using other = new Database(join(api.dataDir, 'cikit-api.db'))
  const { write } = api.context.db
  Object.assign(api.context.db, {
    write: (work: () => unknown) => {
      // The secret has been read by now.
      other.query('UPDATE users SET secret = ?').run(reencrypted)
      return write(work)
    },
  })
  const json = { username: 'ada', code: codeAt(ada.secret, api.clock.now()) }
  const response = await api.call('POST', '/user/auth', { json })
  expect(response.status).toBe(200)
  expect(api.context.db.sql.query('SELECT * FROM throttle_buckets').values()).toEqual([])
})
