import { describe, expect, test } from 'bun:test'
import { TEST_ACTOR } from '../testkit/actor.ts'
import { createTestApi } from '../testkit/api/test-api.ts'
import {
  createEnrolmentHost,
  type EnrolmentDetails,
  issueLink,
  logIn,
  recover,
  redeemLink,
  showEnrolment,
} from '../testkit/auth/enrolment.ts'
import { codeAt, decodeBase32 } from '../testkit/auth/totp.ts'

describe('an enrolment link', () => {
  test('activates its own recovery codes, but not those of an earlier link or another user', async () => {
    await using host = await createEnrolmentHost()
    const { api, owner } = host
    const bob = await api.createUser('bob', 'viewer')
    const bobShown = await showEnrolment(api, await issueLink(api, owner.token, bob.username))
    const first = await showEnrolment(api, await issueLink(api, owner.token))
    const second = await showEnrolment(api, await issueLink(api, owner.token))
    expect((await logIn(api, 'ada', second.secret)).status).toBe(200)
    expect(await recover(api, 'ada', first.recovery_codes[0] ?? '')).toMatchObject({ body: { errorId: 927 } })
    expect(await recover(api, 'bob', bobShown.recovery_codes[0] ?? '')).toMatchObject({ body: { errorId: 927 } })
    expect((await recover(api, 'ada', second.recovery_codes[0] ?? '')).status).toBe(200)
  })

  test('redeemed during a key rotation fails and can be used again', async () => {
    let replaceKey = () => {}
    await using host = await createEnrolmentHost({
      random(size) {
        // Recovery codes are generated after the secret is encrypted and before it is stored.
        if (size === 10) replaceKey()
        return crypto.getRandomValues(new Uint8Array(size))
      },
    })
    const { api, owner } = host
    const link = await issueLink(api, owner.token)
    const { sql } = api.context.db
    const hash =
      sql.query<{ hash: Uint8Array }, []>('SELECT key_hash AS hash FROM encryption_key_check').get()?.hash ?? null
    replaceKey = () => void sql.run("UPDATE encryption_key_check SET key_hash = x'00'")
    expect(await redeemLink(api, link.enrolment_token)).toMatchObject({ status: 503, body: { errorId: 922 } })
    replaceKey = () => {}
    sql.run('UPDATE encryption_key_check SET key_hash = ?', [hash])
    expect((await redeemLink(api, link.enrolment_token)).status).toBe(200)
  })

  test('replaced during a login does not activate the other pending secret', async () => {
    await using host = await createEnrolmentHost()
    const { api, owner, ada } = host
    const { auth, db } = api.context
    const earlierShown = await showEnrolment(api, await issueLink(api, owner.token))
    const encryptedSecret =
      db.sql.query<{ secret: Uint8Array }, []>('SELECT secret FROM enrolments').get()?.secret ?? null
    const shown = await showEnrolment(api, await issueLink(api, owner.token))
    // The login has already read the pending secret when it is replaced.
    const code = codeAt(shown.secret, api.clock.now())
    const loginAttempt = auth.login(TEST_ACTOR, 'ada', code, { agent: '' }).catch((error: unknown) => error)
    await db.write(() => void db.sql.run('UPDATE enrolments SET secret = ?', [encryptedSecret]))
    expect(await loginAttempt).toMatchObject({ errorId: 902 })
    expect((await api.call('GET', '/droplet/list', { token: ada.token })).status).toBe(200)
    expect((await logIn(api, 'ada', earlierShown.secret)).status).toBe(200)
  })

  test('redeemed a hundred times at once shows one secret', async () => {
    await using host = await createEnrolmentHost()
    const { api, owner } = host
    const link = await issueLink(api, owner.token)
    const responses = await Promise.all(Array.from({ length: 100 }, () => redeemLink(api, link.enrolment_token)))
    const shown = responses.filter(({ status }) => status === 200)
    expect(shown).toHaveLength(1)
    // The other requests count as failures and lock the address.
    api.clock.advance(10 * 60_000)
    const logins = await Promise.all(shown.map(({ body }) => logIn(api, 'ada', (body as EnrolmentDetails).secret)))
    expect(logins.map(({ status }) => status)).toEqual([200])
  })

  test.each([[{}], [{ enrolment_token: '' }], [{ enrolment_token: 7 }], [{ enrolment_token: ['x'] }]])(
    'rejects a token that is not a string: %j',
    async json => {
      await using api = await createTestApi()
      expect(await api.call('POST', '/user/auth/enrol', { json })).toMatchObject({
        status: 400,
        body: { errorId: 917 },
      })
    },
  )

  test('cannot be guessed: twenty wrong tokens lock the address', async () => {
    await using host = await createEnrolmentHost()
    const { api, owner } = host
    const ids: unknown[] = []
    for (let count = 0; count < 21; count++) {
      ids.push((await redeemLink(api, String(count).padStart(64, '0'))).body)
    }
    expect(ids.map(body => (body as { errorId: number }).errorId)).toEqual([...Array(20).fill(926), 915])
    expect((await redeemLink(api, (await issueLink(api, owner.token)).enrolment_token)).status).toBe(200)
  })

  test('is stored hashed, and its secret encrypted', async () => {
    await using host = await createEnrolmentHost()
    const { api, owner } = host
    const link = await issueLink(api, owner.token)
    const shown = await showEnrolment(api, link)
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
