import { describe, expect, test } from 'bun:test'
import { ACT } from '../_support/act.ts'
import { createTestApi, type TestApi } from '../_support/api.ts'
import { inWords, readAudit } from '../_support/audit.ts'
import { codeAt, decodeBase32 } from '../_support/codes.ts'

const HOUR = 3_600_000

type Link = { url: string; enrolment_token: string; expires: string }
type Shown = Record<'username' | 'secret' | 'otpauth_url' | 'qr' | 'expires', string> & { recovery_codes: string[] }

/** An owner, and Ada with her phone and one session. */
async function createHost(overrides: Parameters<typeof createTestApi>[0] = {}) {
  const api = await createTestApi(overrides)
  const owner = await api.signedIn('owner')
  const ada = await api.signedIn('manager', 'ada')
  return { api, owner, ada, [Symbol.asyncDispose]: () => api[Symbol.asyncDispose]() }
}

async function issue(api: TestApi, token: string, username = 'ada'): Promise<Link> {
  const { status, body } = await api.call('POST', `/user/enrol/${username}`, { token })
  expect(status).toBe(200)
  return body as Link
}

const redeem = (api: TestApi, token: string) =>
  api.call('POST', '/user/auth/enrol', { json: { enrolment_token: token } })

async function show(api: TestApi, link: Link): Promise<Shown> {
  const { status, body } = await redeem(api, link.enrolment_token)
  expect(status).toBe(200)
  return body as Shown
}

const login = (api: TestApi, username: string, secret: string) =>
  api.call('POST', '/user/auth', { json: { username, code: codeAt(secret, api.clock.now()) } })

const recover = (api: TestApi, username: string, code: string) =>
  api.call('POST', '/user/auth/recover', { json: { username, recovery_code: code } })

describe('a link of the owner', () => {
  test('shows a new secret and ten recovery codes, once', async () => {
    await using host = await createHost()
    const { api, owner, ada } = host
    const link = await issue(api, owner.token)
    expect(link.url).toBe(`/enrol#${link.enrolment_token}`)
    expect(link.expires).toBe(new Date(api.clock.now() + 24 * HOUR).toISOString())
    const { body } = await redeem(api, link.enrolment_token)
    const shown = body as Shown
    expect(shown).toEqual({
      username: 'ada',
      secret: expect.stringMatching(/^[A-Z2-7]{32}$/),
      otpauth_url: expect.stringContaining(`secret=${shown.secret}`),
      qr: expect.stringMatching(/^data:image\/png;base64,/),
      recovery_codes: Array(10).fill(expect.stringMatching(/^[a-z2-7]{4}(-[a-z2-7]{4}){3}$/)),
      expires: new Date(api.clock.now() + 24 * HOUR).toISOString(),
    })
    expect(new Set(shown.recovery_codes).size).toBe(10)
    expect(shown.secret).not.toBe(ada.secret)
    expect(await redeem(api, link.enrolment_token)).toMatchObject({ status: 400, body: { errorId: 926 } })
  })

  test('changes nothing until the first right code of the new secret: then that counts, and nothing else', async () => {
    await using host = await createHost()
    const { api, owner, ada } = host
    const shown = await show(api, await issue(api, owner.token))
    api.clock.move(60_000)
    expect((await login(api, 'ada', ada.secret)).status).toBe(200)
    expect((await api.call('GET', '/droplet/list', { token: ada.token })).status).toBe(200)
    api.clock.move(60_000)
    const { status, body } = await login(api, 'ada', shown.secret)
    expect(status).toBe(200)
    const { access_token } = body as { access_token: string }
    expect((await api.call('GET', '/droplet/list', { token: access_token })).status).toBe(200)
    expect((await api.call('GET', '/droplet/list', { token: ada.token })).status).toBe(401)
    expect(await login(api, 'ada', shown.secret)).toMatchObject({ status: 400, body: { errorId: 902 } })
    api.clock.move(60_000)
    expect(await login(api, 'ada', ada.secret)).toMatchObject({ status: 400, body: { errorId: 902 } })
    expect((await login(api, 'ada', shown.secret)).status).toBe(200)
    expect(await api.call('GET', '/user/auth/setup/ada', { token: owner.token })).toMatchObject({
      body: { secret: shown.secret },
    })
    const told = (await readAudit(api, owner.token)).map(inWords).filter(words => words.includes('enrol'))
    expect(told).toEqual(['owner user.enrol ada ok', 'ada user.auth.enrol ada ok', 'ada user.enrolled ada ok'])
  })

  test('is good for a day, and what it showed for a day after its use', async () => {
    await using host = await createHost()
    const { api, owner, ada } = host
    const late = await issue(api, owner.token)
    api.clock.move(24 * HOUR)
    expect(await redeem(api, late.enrolment_token)).toMatchObject({ body: { errorId: 926 } })
    const again = await api.logIn(owner)
    const link = await issue(api, again.access_token)
    api.clock.move(24 * HOUR - 1)
    const shown = await show(api, link)
    api.clock.move(24 * HOUR)
    expect(await login(api, 'ada', shown.secret)).toMatchObject({ body: { errorId: 902 } })
    expect((await login(api, 'ada', ada.secret)).status).toBe(200)
  })

  test('that is used in its last moment still leaves a day for the first code', async () => {
    await using host = await createHost()
    const { api, owner } = host
    const link = await issue(api, owner.token)
    api.clock.move(24 * HOUR - 1)
    const shown = await show(api, link)
    api.clock.move(24 * HOUR - 1)
    expect((await login(api, 'ada', shown.secret)).status).toBe(200)
  })

  test('that nobody used yet leaves the login as it is', async () => {
    await using host = await createHost()
    const { api, owner, ada } = host
    await issue(api, owner.token)
    api.clock.move(60_000)
    expect((await login(api, 'ada', ada.secret)).status).toBe(200)
  })

  test('confirms the recovery codes that it showed: none of an earlier link, and none of another user', async () => {
    await using host = await createHost()
    const { api, owner } = host
    const bob = await api.createUser('bob', 'viewer')
    const ofBob = await show(api, await issue(api, owner.token, bob.username))
    const first = await show(api, await issue(api, owner.token))
    const second = await show(api, await issue(api, owner.token))
    expect((await login(api, 'ada', second.secret)).status).toBe(200)
    expect(await recover(api, 'ada', first.recovery_codes[0] ?? '')).toMatchObject({ body: { errorId: 927 } })
    expect(await recover(api, 'bob', ofBob.recovery_codes[0] ?? '')).toMatchObject({ body: { errorId: 927 } })
    expect((await recover(api, 'ada', second.recovery_codes[0] ?? '')).status).toBe(200)
  })

  test('that is used while the sealing key is replaced shows nothing, and is not used up', async () => {
    let replaceKey = () => {}
    await using host = await createHost({
      random(size) {
        // Recovery codes are made after the secret was sealed, and before it is stored.
        if (size === 10) replaceKey()
        return crypto.getRandomValues(new Uint8Array(size))
      },
    })
    const { api, owner } = host
    const link = await issue(api, owner.token)
    const { sql } = api.context.db
    const hash = sql.query<{ hash: Uint8Array }, []>('SELECT key_hash AS hash FROM sealing_check').get()?.hash ?? null
    replaceKey = () => void sql.run("UPDATE sealing_check SET key_hash = x'00'")
    expect(await redeem(api, link.enrolment_token)).toMatchObject({ status: 503, body: { errorId: 922 } })
    replaceKey = () => {}
    sql.run('UPDATE sealing_check SET key_hash = ?', [hash])
    expect((await redeem(api, link.enrolment_token)).status).toBe(200)
  })

  test('that shows another secret during a login: the code of the first one does not put the second in place', async () => {
    await using host = await createHost()
    const { api, owner, ada } = host
    const { auth, db } = api.context
    const other = await show(api, await issue(api, owner.token))
    const sealed = db.sql.query<{ secret: Uint8Array }, []>('SELECT secret FROM enrolments').get()?.secret ?? null
    const shown = await show(api, await issue(api, owner.token))
    // The login has read what is pending when that is replaced.
    const code = codeAt(shown.secret, api.clock.now())
    const entering = auth.login(ACT, 'ada', code, { agent: '' }).catch((error: unknown) => error)
    await db.write(() => void db.sql.run('UPDATE enrolments SET secret = ?', [sealed]))
    expect(await entering).toMatchObject({ errorId: 902 })
    expect((await api.call('GET', '/droplet/list', { token: ada.token })).status).toBe(200)
    expect((await login(api, 'ada', other.secret)).status).toBe(200)
  })

  test('takes the place of an earlier one, and of what that showed', async () => {
    await using host = await createHost()
    const { api, owner } = host
    const first = await issue(api, owner.token)
    const second = await issue(api, owner.token)
    expect(await redeem(api, first.enrolment_token)).toMatchObject({ body: { errorId: 926 } })
    const shown = await show(api, second)
    await issue(api, owner.token)
    expect(await login(api, 'ada', shown.secret)).toMatchObject({ body: { errorId: 902 } })
  })

  test('begins with the public URL where there is one, and never with the Host', async () => {
    await using host = await createHost()
    const answer = await host.api.call('POST', '/user/enrol/ada', {
      token: host.owner.token,
      headers: { host: 'evil.example', 'x-forwarded-host': 'evil.example' },
    })
    expect((answer.body as Link).url).toStartWith('/enrol#')
    await using told = await createTestApi({}, { 'public-url': 'https://matrix.example/cikit' })
    const { token } = await told.signedIn('owner')
    const link = await issue(told, token, 'owner')
    expect(link.url).toBe(`https://matrix.example/cikit/enrol#${link.enrolment_token}`)
  })

  test('is for a user that exists, and goes with it', async () => {
    await using host = await createHost()
    const { api, owner } = host
    for (const name of ['nobody', 'ADA']) {
      const answer = await api.call('POST', `/user/enrol/${name}`, { token: owner.token })
      expect(answer).toMatchObject({ status: 400, body: { errorId: 903 } })
    }
    const link = await issue(api, owner.token)
    await api.call('DELETE', '/user/delete/ada', { token: owner.token })
    expect(await redeem(api, link.enrolment_token)).toMatchObject({ body: { errorId: 926 } })
  })

  test('used a hundred times at once shows one secret', async () => {
    await using host = await createHost()
    const { api, owner } = host
    const link = await issue(api, owner.token)
    const answers = await Promise.all(Array.from({ length: 100 }, () => redeem(api, link.enrolment_token)))
    const shown = answers.filter(({ status }) => status === 200)
    expect(shown).toHaveLength(1)
    // The others were failures of this address.
    api.clock.move(10 * 60_000)
    const logins = await Promise.all(shown.map(({ body }) => login(api, 'ada', (body as Shown).secret)))
    expect(logins.map(({ status }) => status)).toEqual([200])
  })

  test.each([[{}], [{ enrolment_token: '' }], [{ enrolment_token: 7 }], [{ enrolment_token: ['x'] }]])(
    'must be a text: %j',
    async json => {
      await using api = await createTestApi()
      expect(await api.call('POST', '/user/auth/enrol', { json })).toMatchObject({
        status: 400,
        body: { errorId: 917 },
      })
    },
  )

  test('is not guessed: twenty wrong ones lock the address', async () => {
    await using host = await createHost()
    const { api, owner } = host
    const ids: unknown[] = []
    for (let count = 0; count < 21; count++) {
      ids.push((await redeem(api, String(count).padStart(64, '0'))).body)
    }
    expect(ids.map(body => (body as { errorId: number }).errorId)).toEqual([...Array(20).fill(926), 915])
    expect((await redeem(api, (await issue(api, owner.token)).enrolment_token)).status).toBe(200)
  })

  test('waits in the database sealed and hashed', async () => {
    await using host = await createHost()
    const { api, owner } = host
    const link = await issue(api, owner.token)
    const shown = await show(api, link)
    const { sql } = api.context.db
    const dump = ['enrolments', 'recovery_codes', 'users'].map(table => sql.query(`SELECT * FROM ${table}`).values())
    const bytes = dump
      .flat(2)
      .map(value => (value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value))
    const letters = shown.recovery_codes.map(code => code.replaceAll('-', ''))
    const plain = decodeBase32(shown.secret).toString('latin1')
    for (const secret of [link.enrolment_token, shown.secret, plain, ...shown.recovery_codes, ...letters]) {
      expect(bytes.join('\n')).not.toContain(secret)
    }
  })
})

const confirm = (api: TestApi, token: string, code: string) =>
  api.call('POST', '/user/auth/confirm', { json: { enrolment_token: token, code } })

describe('a new secret is confirmed', () => {
  /** Ada with a link that was used, and the codes of both secrets. */
  async function createShown() {
    const host = await createHost()
    const link = await issue(host.api, host.owner.token)
    const shown = await show(host.api, link)
    host.api.clock.move(60_000)
    const codeOf = (secret: string) => codeAt(secret, host.api.clock.now())
    return { ...host, token: link.enrolment_token, shown, codeOf }
  }

  test('by who holds its link, with a code of that secret: it counts then, and no session is opened', async () => {
    await using host = await createShown()
    const { api, token, shown, codeOf, ada } = host
    expect(await confirm(api, token, codeOf(shown.secret))).toMatchObject({ status: 200, body: { status: 'ok' } })
    expect((await api.call('GET', '/droplet/list', { token: ada.token })).status).toBe(401)
    expect((await api.call('GET', '/user/sessions/ada', { token: host.owner.token })).body).toEqual([])
    expect(await login(api, 'ada', shown.secret)).toMatchObject({ body: { errorId: 902 } })
    api.clock.move(60_000)
    expect((await login(api, 'ada', shown.secret)).status).toBe(200)
    expect(await confirm(api, token, codeOf(shown.secret))).toMatchObject({ status: 400, body: { errorId: 926 } })
  })

  test('and not by a code of the old one, which changes nothing', async () => {
    await using host = await createShown()
    const { api, token, codeOf, ada } = host
    expect(await confirm(api, token, codeOf(ada.secret))).toMatchObject({ status: 400, body: { errorId: 902 } })
    expect((await api.call('GET', '/droplet/list', { token: ada.token })).status).toBe(200)
    expect((await login(api, 'ada', ada.secret)).status).toBe(200)
  })

  test('although a stranger has locked the login, which then knows the address', async () => {
    await using host = await createShown()
    const { api, owner, codeOf } = host
    await api.createUser('newbie', 'viewer')
    const link = await issue(api, owner.token, 'newbie')
    const shown = await show(api, link)
    for (let count = 0; count < 6; count++) {
      await api.call('POST', '/user/auth', { json: { username: 'newbie', code: '000000' } })
    }
    expect((await confirm(api, link.enrolment_token, codeOf(shown.secret))).status).toBe(200)
    api.clock.move(30_000)
    expect((await login(api, 'newbie', shown.secret)).status).toBe(200)
  })

  test('and not by guessing: five wrong codes lock it', async () => {
    await using host = await createShown()
    const { api, token, shown, codeOf } = host
    for (let count = 0; count < 5; count++) {
      expect(await confirm(api, token, '000000')).toMatchObject({ body: { errorId: 902 } })
    }
    expect(await confirm(api, token, codeOf(shown.secret))).toMatchObject({ status: 429, body: { errorId: 915 } })
    api.clock.move(60_000)
    expect((await confirm(api, token, codeOf(shown.secret))).status).toBe(200)
  })

  test.each([
    ['unknown', () => '0'.repeat(64)],
    ['that has shown nothing', (_: string, unused: string) => unused],
  ])('and not with a link %s', async (_, choose) => {
    await using host = await createShown()
    const { api, token, shown, codeOf, owner } = host
    await api.createUser('bob', 'viewer')
    const unused = (await issue(api, owner.token, 'bob')).enrolment_token
    const refused = await confirm(api, choose(token, unused), codeOf(shown.secret))
    expect(refused).toMatchObject({ status: 400, body: { errorId: 926 } })
  })

  test('and not after a day', async () => {
    await using host = await createShown()
    const { api, token, shown, codeOf } = host
    api.clock.move(24 * HOUR)
    expect(await confirm(api, token, codeOf(shown.secret))).toMatchObject({ body: { errorId: 926 } })
  })
})

describe('a link ends', () => {
  test.each<[string, (api: TestApi, owner: string) => Promise<unknown>]>([
    ['when the user is revoked', (api, token) => api.call('DELETE', '/user/auth/revoke/ada', { token })],
    ['with create-user', api => api.context.users.provision(ACT, 'ada', 'manager', false)],
    ['with create-user -r', api => api.context.users.provision(ACT, 'ada', 'manager', true)],
  ])('%s, used or not', async (_, end) => {
    await using host = await createHost()
    const { api, owner } = host
    const unused = await issue(api, owner.token)
    await end(api, owner.token)
    expect(await redeem(api, unused.enrolment_token)).toMatchObject({ body: { errorId: 926 } })
    const link = await issue(api, owner.token)
    const shown = await show(api, link)
    await end(api, owner.token)
    expect(await login(api, 'ada', shown.secret)).toMatchObject({ body: { errorId: 902 } })
    const code = codeAt(shown.secret, api.clock.now())
    expect(await confirm(api, link.enrolment_token, code)).toMatchObject({ body: { errorId: 926 } })
  })
})

describe('a recovery code', () => {
  async function createRecoverable() {
    const host = await createHost()
    const { recoveryCodes } = await host.api.context.users.provision(ACT, 'bob', 'viewer', false)
    const codes = recoveryCodes?.map(code => code.reveal()) ?? []
    return { ...host, codes, first: codes[0] ?? '' }
  }

  test('buys a new enrolment, once, and no session', async () => {
    await using host = await createRecoverable()
    const { api, first } = host
    const { status, body } = await recover(api, 'bob', first)
    expect({ status, fields: Object.keys(body as object) }).toEqual({
      status: 200,
      fields: ['url', 'enrolment_token', 'expires'],
    })
    const shown = await show(api, body as Link)
    expect((await login(api, 'bob', shown.secret)).status).toBe(200)
    const told = (await readAudit(api, host.owner.token)).map(inWords).filter(words => words.startsWith('bob'))
    expect(told).toEqual([
      'bob user.auth.recover bob ok',
      'bob user.auth.enrol bob ok',
      'bob user.enrolled bob ok',
      'bob user.auth bob ok',
    ])
    expect(await recover(api, 'bob', first)).toMatchObject({ status: 400, body: { errorId: 927 } })
    // The new ones count now, and the old ones do not.
    expect(await recover(api, 'bob', host.codes[1] ?? '')).toMatchObject({ body: { errorId: 927 } })
    expect((await recover(api, 'bob', shown.recovery_codes[9] ?? '')).status).toBe(200)
  })

  test('is good however it is written, for its user only', async () => {
    await using host = await createRecoverable()
    const { api, codes } = host
    const [first = '', second = ''] = codes
    expect((await recover(api, 'bob', ` ${first.toUpperCase().replaceAll('-', ' ')} `)).status).toBe(200)
    for (const other of ['ada', 'BOB']) {
      expect(await recover(api, other, second)).toMatchObject({ body: { errorId: 927 } })
    }
    expect((await recover(api, 'bob', second.replaceAll('-', ''))).status).toBe(200)
  })

  test('that was shown and not confirmed buys nothing yet', async () => {
    await using host = await createRecoverable()
    const { api, owner } = host
    const shown = await show(api, await issue(api, owner.token))
    expect(await recover(api, 'ada', shown.recovery_codes[0] ?? '')).toMatchObject({ body: { errorId: 927 } })
    await login(api, 'ada', shown.secret)
    expect((await recover(api, 'ada', shown.recovery_codes[0] ?? '')).status).toBe(200)
  })

  test('of an unknown user is refused like a wrong one, word for word', async () => {
    await using host = await createRecoverable()
    const wrong = await recover(host.api, 'bob', 'aaaa-aaaa-aaaa-aaaa')
    const unknown = await recover(host.api, 'nobody', 'aaaa-aaaa-aaaa-aaaa')
    expect(unknown.body).toEqual(wrong.body)
    expect(unknown.status).toBe(wrong.status)
  })

  test('is throttled as logins are: five wrong ones lock, and then a right one is refused too', async () => {
    await using host = await createRecoverable()
    const { api, first } = host
    for (let count = 0; count < 5; count++) await recover(api, 'bob', 'aaaa-aaaa-aaaa-aaaa')
    expect(await recover(api, 'bob', first)).toMatchObject({ status: 429, body: { errorId: 915 } })
    api.clock.move(60_000)
    expect((await recover(api, 'bob', first)).status).toBe(200)
  })

  test('gets in whom a stranger locked out by guessing login codes, and the other way round', async () => {
    await using host = await createRecoverable()
    const { api, first } = host
    for (let count = 0; count < 6; count++) {
      await api.call('POST', '/user/auth', { json: { username: 'bob', code: '000000' } })
    }
    expect(await api.call('POST', '/user/auth', { json: { username: 'bob', code: '000000' } })).toMatchObject({
      body: { errorId: 915 },
    })
    expect((await recover(api, 'bob', first)).status).toBe(200)
    for (let count = 0; count < 6; count++) await recover(api, 'ada', 'aaaa-aaaa-aaaa-aaaa')
    api.clock.move(60_000)
    expect((await login(api, 'ada', host.ada.secret)).status).toBe(200)
  })

  test('used fifty times at once buys one enrolment', async () => {
    await using host = await createRecoverable()
    const answers = await Promise.all(Array.from({ length: 50 }, () => recover(host.api, 'bob', host.first)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  })

  test('of before does not count after create-user -r', async () => {
    await using host = await createRecoverable()
    const { api, first, owner } = host
    const link = await issue(api, owner.token, 'bob')
    const { recoveryCodes } = await api.context.users.provision(ACT, 'bob', 'viewer', true)
    expect(await redeem(api, link.enrolment_token)).toMatchObject({ body: { errorId: 926 } })
    expect(await recover(api, 'bob', first)).toMatchObject({ body: { errorId: 927 } })
    expect((await recover(api, 'bob', recoveryCodes?.[0]?.reveal() ?? '')).status).toBe(200)
  })

  test.each([
    [{ username: 'bob' }, 901],
    [{ recovery_code: 'aaaa' }, 901],
    [{ username: 'bob', recovery_code: { $ne: null } }, 917],
    [{ username: ['bob'], recovery_code: 'aaaa' }, 917],
  ])('%j is refused', async (json, errorId) => {
    await using api = await createTestApi()
    expect(await api.call('POST', '/user/auth/recover', { json })).toMatchObject({ status: 400, body: { errorId } })
  })
})

test('whose enrolment is under way cannot be told from the work that a login costs', async () => {
  await using host = await createHost()
  const { api, owner } = host
  await show(api, await issue(api, owner.token))
  const wrong = await api.call('POST', '/user/auth', { json: { username: 'ada', code: '000000' } })
  const unknown = await api.call('POST', '/user/auth', { json: { username: 'nobody', code: '000000' } })
  expect(wrong.body).toEqual(unknown.body)
})
