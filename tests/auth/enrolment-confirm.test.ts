import { describe, expect, test } from 'bun:test'
import { confirmEnrolment, createEnrolmentHost, issueLink, logIn, showEnrolment } from '../testkit/auth/enrolment.ts'
import { codeAt } from '../testkit/auth/totp.ts'

const HOUR = 3_600_000

describe('confirming a new secret', () => {
  /** Ada has redeemed a link but not confirmed the new secret. */
  async function createHostWithRedeemedLink() {
    const host = await createEnrolmentHost()
    const link = await issueLink(host.api, host.owner.token)
    const shown = await showEnrolment(host.api, link)
    host.api.clock.advance(60_000)
    const codeOf = (secret: string) => codeAt(secret, host.api.clock.now())
    return { ...host, token: link.enrolment_token, shown, codeOf }
  }

  test('with its link and a code activates it, ends all sessions and opens none', async () => {
    await using host = await createHostWithRedeemedLink()
    const { api, token, shown, codeOf, ada } = host
    expect(await confirmEnrolment(api, token, codeOf(shown.secret))).toMatchObject({
      status: 200,
      body: { status: 'ok' },
    })
    expect((await api.call('GET', '/droplet/list', { token: ada.token })).status).toBe(401)
    expect((await api.call('GET', '/user/sessions/ada', { token: host.owner.token })).body).toEqual([])
    expect(await logIn(api, 'ada', shown.secret)).toMatchObject({ body: { errorId: 902 } })
    api.clock.advance(60_000)
    expect((await logIn(api, 'ada', shown.secret)).status).toBe(200)
    expect(await confirmEnrolment(api, token, codeOf(shown.secret))).toMatchObject({
      status: 400,
      body: { errorId: 926 },
    })
  })

  test('rejects a code of the old secret and changes nothing', async () => {
    await using host = await createHostWithRedeemedLink()
    const { api, token, codeOf, ada } = host
    expect(await confirmEnrolment(api, token, codeOf(ada.secret))).toMatchObject({
      status: 400,
      body: { errorId: 902 },
    })
    expect((await api.call('GET', '/droplet/list', { token: ada.token })).status).toBe(200)
    expect((await logIn(api, 'ada', ada.secret)).status).toBe(200)
  })

  test('works while the login is locked, and verifies the address', async () => {
    await using host = await createHostWithRedeemedLink()
    const { api, owner, codeOf } = host
    await api.createUser('newbie', 'viewer')
    const link = await issueLink(api, owner.token, 'newbie')
    const shown = await showEnrolment(api, link)
    for (let count = 0; count < 6; count++) {
      await api.call('POST', '/user/auth', { json: { username: 'newbie', code: '000000' } })
    }
    expect((await confirmEnrolment(api, link.enrolment_token, codeOf(shown.secret))).status).toBe(200)
    api.clock.advance(30_000)
    expect((await logIn(api, 'newbie', shown.secret)).status).toBe(200)
  })

  test('is locked after five wrong codes', async () => {
    await using host = await createHostWithRedeemedLink()
    const { api, token, shown, codeOf } = host
    for (let count = 0; count < 5; count++) {
      expect(await confirmEnrolment(api, token, '000000')).toMatchObject({ body: { errorId: 902 } })
    }
    expect(await confirmEnrolment(api, token, codeOf(shown.secret))).toMatchObject({
      status: 429,
      body: { errorId: 915 },
    })
    api.clock.advance(60_000)
    expect((await confirmEnrolment(api, token, codeOf(shown.secret))).status).toBe(200)
  })

  test.each([
    ['that is unknown', () => '0'.repeat(64)],
    ['that was not redeemed', (_: string, unused: string) => unused],
  ])('rejects a link %s', async (_, pickToken) => {
    await using host = await createHostWithRedeemedLink()
    const { api, token, shown, codeOf, owner } = host
    await api.createUser('bob', 'viewer')
    const unused = (await issueLink(api, owner.token, 'bob')).enrolment_token
    const rejected = await confirmEnrolment(api, pickToken(token, unused), codeOf(shown.secret))
    expect(rejected).toMatchObject({ status: 400, body: { errorId: 926 } })
  })

  test('rejects a link a day after it was redeemed', async () => {
    await using host = await createHostWithRedeemedLink()
    const { api, token, shown, codeOf } = host
    api.clock.advance(24 * HOUR)
    expect(await confirmEnrolment(api, token, codeOf(shown.secret))).toMatchObject({ body: { errorId: 926 } })
  })
})

test('a login does not reveal a pending enrolment', async () => {
  await using host = await createEnrolmentHost()
  const { api, owner } = host
  await showEnrolment(api, await issueLink(api, owner.token))
  const wrong = await api.call('POST', '/user/auth', { json: { username: 'ada', code: '000000' } })
  const unknown = await api.call('POST', '/user/auth', { json: { username: 'nobody', code: '000000' } })
  expect(wrong.body).toEqual(unknown.body)
})
