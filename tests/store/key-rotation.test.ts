import { describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createAccess } from '../../src/context.ts'
import { ACT } from '../_support/act.ts'
import { createTestApi, type TestApi } from '../_support/api.ts'
import { codeAt } from '../_support/codes.ts'
import { modeOf } from '../_support/modes.ts'

const keyFileOf = (api: TestApi) => join(api.dataDir, 'sealing.key')
const readKeyOf = (api: TestApi) => readFileSync(keyFileOf(api), 'utf8')

/** What `cikit-api rotate-key` does, in a process of its own as far as the store can tell. */
async function rotateElsewhere(api: TestApi): Promise<number> {
  const access = await createAccess(api.config, { now: api.clock.now, monotonic: api.clock.monotonic })
  try {
    return await access.rotateKey(ACT)
  } finally {
    await access.close()
  }
}

async function login(api: TestApi, user: { username: string; secret: string }) {
  api.clock.move(60_000)
  const json = { username: user.username, code: codeAt(user.secret, api.clock.now()) }
  return (await api.call('POST', '/user/auth', { json })).status
}

test('every secret is sealed anew, with a key that is new, while the API goes on with both', async () => {
  await using api = await createTestApi()
  const { token } = await api.signedIn('owner')
  const ada = await api.createUser('ada', 'viewer')
  const { body } = await api.call('POST', '/user/enrol/ada', { token })
  const { enrolment_token } = body as { enrolment_token: string }
  const shown = (await api.call('POST', '/user/auth/enrol', { json: { enrolment_token } })).body as { secret: string }
  const secrets = () =>
    api.context.db.sql.query('SELECT secret FROM users UNION ALL SELECT secret FROM enrolments').values()
  const [before, keyBefore] = [secrets(), readKeyOf(api)]

  expect(await rotateElsewhere(api)).toBe(3)
  expect(readKeyOf(api)).toMatch(/^[0-9a-f]{64}\n$/)
  expect(readKeyOf(api)).not.toBe(keyBefore)
  expect(modeOf(keyFileOf(api))).toBe('600')
  expect(existsSync(`${keyFileOf(api)}.new`)).toBe(false)
  for (const [at, row] of secrets().entries()) expect(row).not.toEqual(before[at])

  expect(await login(api, ada)).toBe(200)
  expect(await rotateElsewhere(api)).toBe(3)
  expect(await rotateElsewhere(api)).toBe(3)
  expect(await login(api, { username: 'ada', secret: shown.secret })).toBe(200)
  expect(await login(api, { username: 'nobody', secret: shown.secret })).toBe(400)
  const added = await api.createUser('bob', 'viewer')
  expect(await login(api, added)).toBe(200)
  await api.restart()
  expect(await login(api, { username: 'ada', secret: shown.secret })).toBe(200)
  expect(await login(api, added)).toBe(200)
})

test('while users are added, nobody is lost: each can log in, or was told to try again', async () => {
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
    await rotateElsewhere(api).catch(error => expect(String(error)).toContain('quieter moment'))
  }
  await adding
  await rotateElsewhere(api)
  expect(users.length).toBeGreaterThan(0)
  for (const user of users) expect(await login(api, user)).toBe(200)
  expect(api.context.users.list()).toHaveLength(users.length)
})

describe('a rotation that was killed', () => {
  test('after it was committed is finished by the next start', async () => {
    await using api = await createTestApi()
    const ada = await api.createUser('ada', 'viewer')
    const oldKey = readKeyOf(api)
    await rotateElsewhere(api)
    const newKey = readKeyOf(api)
    writeFileSync(`${keyFileOf(api)}.new`, newKey)
    writeFileSync(keyFileOf(api), oldKey)
    await api.restart()
    expect(readKeyOf(api)).toBe(newKey)
    expect(existsSync(`${keyFileOf(api)}.new`)).toBe(false)
    expect(await login(api, ada)).toBe(200)
  })

  test('after it was committed is finished by a server that runs on', async () => {
    await using api = await createTestApi()
    const ada = await api.createUser('ada', 'viewer')
    const oldKey = readKeyOf(api)
    await rotateElsewhere(api)
    writeFileSync(`${keyFileOf(api)}.new`, readKeyOf(api))
    writeFileSync(keyFileOf(api), oldKey)
    expect(await login(api, ada)).toBe(200)
    expect(existsSync(`${keyFileOf(api)}.new`)).toBe(false)
  })

  test.each([
    ['before it was committed', `${'a5'.repeat(32)}\n`],
    ['in the middle of writing its key', 'a5a5'],
    ['before it had written any', ''],
  ])('%s counts for nothing', async (_, left) => {
    await using api = await createTestApi()
    const ada = await api.createUser('ada', 'viewer')
    const key = readKeyOf(api)
    writeFileSync(`${keyFileOf(api)}.new`, left)
    await api.restart()
    expect(readKeyOf(api)).toBe(key)
    expect(existsSync(`${keyFileOf(api)}.new`)).toBe(false)
    expect(await login(api, ada)).toBe(200)
  })
})

test('where the new key cannot be written, nothing is changed', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  const key = readKeyOf(api)
  const access = await createAccess(api.config, { now: api.clock.now, monotonic: api.clock.monotonic })
  // Root may write everywhere, but not a file over a folder.
  mkdirSync(`${keyFileOf(api)}.new/folder`, { recursive: true })
  await expect(access.rotateKey(ACT)).rejects.toThrow()
  await access.close()
  expect(readKeyOf(api)).toBe(key)
  expect(await login(api, ada)).toBe(200)
})
