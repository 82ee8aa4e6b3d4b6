import { describe, expect, test } from 'bun:test'
import { TEST_ACTOR } from '../testkit/actor.ts'
import { createTestApi } from '../testkit/api/test-api.ts'
import { formatRecord, readAudit } from '../testkit/audit/audit.ts'
import {
  createEnrolmentHost,
  type EnrolmentLink,
  issueLink,
  logIn,
  recover,
  redeemLink,
  showEnrolment,
} from '../testkit/auth/enrolment.ts'

describe('a recovery code', () => {
  async function createHostWithRecoveryCodes() {
    const host = await createEnrolmentHost()
    const { recoveryCodes } = await host.api.context.users.provision(TEST_ACTOR, 'bob', 'viewer', false)
    const codes = recoveryCodes?.map(code => code.reveal()) ?? []
    return { ...host, codes, first: codes[0] ?? '' }
  }

  test('is exchanged for one enrolment link and opens no session', async () => {
    await using host = await createHostWithRecoveryCodes()
    const { api, first } = host
    const { status, body } = await recover(api, 'bob', first)
    expect({ status, fields: Object.keys(body as object) }).toEqual({
      status: 200,
      fields: ['url', 'enrolment_token', 'expires'],
    })
    const shown = await showEnrolment(api, body as EnrolmentLink)
    expect((await logIn(api, 'bob', shown.secret)).status).toBe(200)
    const recorded = (await readAudit(api, host.owner.token))
      .map(formatRecord)
      .filter(record => record.startsWith('bob'))
    expect(recorded).toEqual([
      'bob user.auth.recover bob ok',
      'bob user.auth.enrol bob ok',
      'bob user.enrolled bob ok',
      'bob user.auth bob ok',
    ])
    expect(await recover(api, 'bob', first)).toMatchObject({ status: 400, body: { errorId: 927 } })
    // The new codes have replaced the old ones.
    expect(await recover(api, 'bob', host.codes[1] ?? '')).toMatchObject({ body: { errorId: 927 } })
    expect((await recover(api, 'bob', shown.recovery_codes[9] ?? '')).status).toBe(200)
  })

  test('is accepted in any case and spacing, for its user only', async () => {
    await using host = await createHostWithRecoveryCodes()
    const { api, codes } = host
    const [first = '', second = ''] = codes
    expect((await recover(api, 'bob', ` ${first.toUpperCase().replaceAll('-', ' ')} `)).status).toBe(200)
    for (const otherUsername of ['ada', 'BOB']) {
      expect(await recover(api, otherUsername, second)).toMatchObject({ body: { errorId: 927 } })
    }
    expect((await recover(api, 'bob', second.replaceAll('-', ''))).status).toBe(200)
  })

  test('of a pending enrolment is rejected until the enrolment is activated', async () => {
    await using host = await createHostWithRecoveryCodes()
    const { api, owner } = host
    const shown = await showEnrolment(api, await issueLink(api, owner.token))
    expect(await recover(api, 'ada', shown.recovery_codes[0] ?? '')).toMatchObject({ body: { errorId: 927 } })
    await logIn(api, 'ada', shown.secret)
    expect((await recover(api, 'ada', shown.recovery_codes[0] ?? '')).status).toBe(200)
  })

  test('of an unknown user gets the same response as a wrong code', async () => {
    await using host = await createHostWithRecoveryCodes()
    const wrong = await recover(host.api, 'bob', 'aaaa-aaaa-aaaa-aaaa')
    const unknown = await recover(host.api, 'nobody', 'aaaa-aaaa-aaaa-aaaa')
    expect(unknown.body).toEqual(wrong.body)
    expect(unknown.status).toBe(wrong.status)
  })

  test('is rejected after five wrong codes, even if it is valid', async () => {
    await using host = await createHostWithRecoveryCodes()
    const { api, first } = host
    for (let count = 0; count < 5; count++) await recover(api, 'bob', 'aaaa-aaaa-aaaa-aaaa')
    expect(await recover(api, 'bob', first)).toMatchObject({ status: 429, body: { errorId: 915 } })
    api.clock.advance(60_000)
    expect((await recover(api, 'bob', first)).status).toBe(200)
  })

  test('is accepted again after the user is unlocked', async () => {
    await using host = await createHostWithRecoveryCodes()
    const { api, first } = host
    for (let count = 0; count < 5; count++) await recover(api, 'bob', 'aaaa-aaaa-aaaa-aaaa')
    await api.call('PATCH', '/user/unlock/bob', { token: host.owner.token })
    expect((await recover(api, 'bob', first)).status).toBe(200)
  })

  test('is throttled separately from login codes', async () => {
    await using host = await createHostWithRecoveryCodes()
    const { api, first } = host
    for (let count = 0; count < 6; count++) {
      await api.call('POST', '/user/auth', { json: { username: 'bob', code: '000000' } })
    }
    expect(await api.call('POST', '/user/auth', { json: { username: 'bob', code: '000000' } })).toMatchObject({
      body: { errorId: 915 },
    })
    expect((await recover(api, 'bob', first)).status).toBe(200)
    for (let count = 0; count < 6; count++) await recover(api, 'ada', 'aaaa-aaaa-aaaa-aaaa')
    api.clock.advance(60_000)
    expect((await logIn(api, 'ada', host.ada.secret)).status).toBe(200)
  })

  test('used fifty times at once yields one link', async () => {
    await using host = await createHostWithRecoveryCodes()
    const responses = await Promise.all(Array.from({ length: 50 }, () => recover(host.api, 'bob', host.first)))
    expect(responses.filter(({ status }) => status === 200)).toHaveLength(1)
  })

  test('is replaced by create-user -r', async () => {
    await using host = await createHostWithRecoveryCodes()
    const { api, first, owner } = host
    const link = await issueLink(api, owner.token, 'bob')
    const { recoveryCodes } = await api.context.users.provision(TEST_ACTOR, 'bob', 'viewer', true)
    expect(await redeemLink(api, link.enrolment_token)).toMatchObject({ body: { errorId: 926 } })
    expect(await recover(api, 'bob', first)).toMatchObject({ body: { errorId: 927 } })
    expect((await recover(api, 'bob', recoveryCodes?.[0]?.reveal() ?? '')).status).toBe(200)
  })

  test.each([
    [{ username: 'bob' }, 901],
    [{ recovery_code: 'aaaa' }, 901],
    [{ username: 'bob', recovery_code: { $ne: null } }, 917],
    [{ username: ['bob'], recovery_code: 'aaaa' }, 917],
  ])('rejects %j', async (json, errorId) => {
    await using api = await createTestApi()
    expect(await api.call('POST', '/user/auth/recover', { json })).toMatchObject({ status: 400, body: { errorId } })
  })
})
