import { describe, expect, test } from 'bun:test'
import { TEST_ACTOR } from '../testkit/actor.ts'
import { createTestApi, type TestApi } from '../testkit/api/test-api.ts'
import { formatRecord, readAudit } from '../testkit/audit/audit.ts'
import {
  confirmEnrolment,
  createEnrolmentHost,
  type EnrolmentDetails,
  type EnrolmentLink,
  issueLink,
  logIn,
  redeemLink,
  showEnrolment,
} from '../testkit/auth/enrolment.ts'
import { codeAt } from '../testkit/auth/totp.ts'

const HOUR = 3_600_000

describe('an enrolment link', () => {
  test('shows a new secret and ten recovery codes, once', async () => {
    await using host = await createEnrolmentHost()
    const { api, owner, ada } = host
    const link = await issueLink(api, owner.token)
    expect(link.url).toBe(`/enrol#${link.enrolment_token}`)
    expect(link.expires).toBe(new Date(api.clock.now() + 24 * HOUR).toISOString())
    const { body } = await redeemLink(api, link.enrolment_token)
    const shown = body as EnrolmentDetails
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
    expect(await redeemLink(api, link.enrolment_token)).toMatchObject({ status: 400, body: { errorId: 926 } })
  })

  test('changes nothing until the first code of the new secret, which replaces the old secret and ends its sessions', async () => {
    await using host = await createEnrolmentHost()
    const { api, owner, ada } = host
    const shown = await showEnrolment(api, await issueLink(api, owner.token))
    api.clock.advance(60_000)
    expect((await logIn(api, 'ada', ada.secret)).status).toBe(200)
    expect((await api.call('GET', '/droplet/list', { token: ada.token })).status).toBe(200)
    api.clock.advance(60_000)
    const { status, body } = await logIn(api, 'ada', shown.secret)
    expect(status).toBe(200)
    const { access_token } = body as { access_token: string }
    expect((await api.call('GET', '/droplet/list', { token: access_token })).status).toBe(200)
    expect((await api.call('GET', '/droplet/list', { token: ada.token })).status).toBe(401)
    expect(await logIn(api, 'ada', shown.secret)).toMatchObject({ status: 400, body: { errorId: 902 } })
    api.clock.advance(60_000)
    expect(await logIn(api, 'ada', ada.secret)).toMatchObject({ status: 400, body: { errorId: 902 } })
    expect((await logIn(api, 'ada', shown.secret)).status).toBe(200)
    expect(await api.call('GET', '/user/auth/setup/ada', { token: owner.token })).toMatchObject({
      body: { secret: shown.secret },
    })
    const recorded = (await readAudit(api, owner.token)).map(formatRecord).filter(record => record.includes('enrol'))
    expect(recorded).toEqual(['owner user.enrol ada ok', 'ada user.auth.enrol ada ok', 'ada user.enrolled ada ok'])
  })

  test('expires after a day, and the pending secret a day after it was shown', async () => {
    await using host = await createEnrolmentHost()
    const { api, owner, ada } = host
    const expiredLink = await issueLink(api, owner.token)
    api.clock.advance(24 * HOUR)
    expect(await redeemLink(api, expiredLink.enrolment_token)).toMatchObject({ body: { errorId: 926 } })
    const newSession = await api.logIn(owner)
    const link = await issueLink(api, newSession.access_token)
    api.clock.advance(24 * HOUR - 1)
    const shown = await showEnrolment(api, link)
    api.clock.advance(24 * HOUR)
    expect(await logIn(api, 'ada', shown.secret)).toMatchObject({ body: { errorId: 902 } })
    expect((await logIn(api, 'ada', ada.secret)).status).toBe(200)
  })

  test('redeemed just before it expires still leaves a day for the first code', async () => {
    await using host = await createEnrolmentHost()
    const { api, owner } = host
    const link = await issueLink(api, owner.token)
    api.clock.advance(24 * HOUR - 1)
    const shown = await showEnrolment(api, link)
    api.clock.advance(24 * HOUR - 1)
    expect((await logIn(api, 'ada', shown.secret)).status).toBe(200)
  })

  test('does not affect the login before it is redeemed', async () => {
    await using host = await createEnrolmentHost()
    const { api, owner, ada } = host
    await issueLink(api, owner.token)
    api.clock.advance(60_000)
    expect((await logIn(api, 'ada', ada.secret)).status).toBe(200)
  })

  test('replaces an earlier link and its pending secret', async () => {
    await using host = await createEnrolmentHost()
    const { api, owner } = host
    const first = await issueLink(api, owner.token)
    const second = await issueLink(api, owner.token)
    expect(await redeemLink(api, first.enrolment_token)).toMatchObject({ body: { errorId: 926 } })
    const shown = await showEnrolment(api, second)
    await issueLink(api, owner.token)
    expect(await logIn(api, 'ada', shown.secret)).toMatchObject({ body: { errorId: 902 } })
  })

  test('starts with the configured public URL, never with the Host header', async () => {
    await using host = await createEnrolmentHost()
    const response = await host.api.call('POST', '/user/enrol/ada', {
      token: host.owner.token,
      headers: { host: 'evil.example', 'x-forwarded-host': 'evil.example' },
    })
    expect((response.body as EnrolmentLink).url).toStartWith('/enrol#')
    await using publicApi = await createTestApi({}, { 'public-url': 'https://matrix.example/cikit' })
    const { token } = await publicApi.logInAs('owner')
    const link = await issueLink(publicApi, token, 'owner')
    expect(link.url).toBe(`https://matrix.example/cikit/enrol#${link.enrolment_token}`)
  })

  test('needs an existing user and is deleted with the user', async () => {
    await using host = await createEnrolmentHost()
    const { api, owner } = host
    for (const name of ['nobody', 'ADA']) {
      const response = await api.call('POST', `/user/enrol/${name}`, { token: owner.token })
      expect(response).toMatchObject({ status: 400, body: { errorId: 903 } })
    }
    const link = await issueLink(api, owner.token)
    await api.call('DELETE', '/user/delete/ada', { token: owner.token })
    expect(await redeemLink(api, link.enrolment_token)).toMatchObject({ body: { errorId: 926 } })
  })
})

describe('a link is cancelled', () => {
  test.each<[string, (api: TestApi, owner: string) => Promise<unknown>]>([
    ['when the user is revoked', (api, token) => api.call('DELETE', '/user/auth/revoke/ada', { token })],
    ['with create-user', api => api.context.users.provision(TEST_ACTOR, 'ada', 'manager', false)],
    ['with create-user -r', api => api.context.users.provision(TEST_ACTOR, 'ada', 'manager', true)],
  ])('%s, redeemed or not', async (_, endLink) => {
    await using host = await createEnrolmentHost()
    const { api, owner } = host
    const unused = await issueLink(api, owner.token)
    await endLink(api, owner.token)
    expect(await redeemLink(api, unused.enrolment_token)).toMatchObject({ body: { errorId: 926 } })
    const link = await issueLink(api, owner.token)
    const shown = await showEnrolment(api, link)
    await endLink(api, owner.token)
    expect(await logIn(api, 'ada', shown.secret)).toMatchObject({ body: { errorId: 902 } })
    const code = codeAt(shown.secret, api.clock.now())
    expect(await confirmEnrolment(api, link.enrolment_token, code)).toMatchObject({ body: { errorId: 926 } })
  })
})
