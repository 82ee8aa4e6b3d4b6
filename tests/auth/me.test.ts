import { expect, test } from 'bun:test'
import { TEST_ACTOR } from '../testkit/actor.ts'
import { createTestApi, type TestApi } from '../testkit/api/test-api.ts'
import { issueLink, recover, showEnrolment } from '../testkit/auth/enrolment.ts'

async function getMe(api: TestApi, token: string): Promise<Record<string, unknown>> {
  const { status, body } = await api.call('GET', '/user/me', { token })
  expect(status).toBe(200)
  return body as Record<string, unknown>
}

test('returns the user, the current session and the number of recovery codes left', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('manager', 'ada')
  const [session] = (await api.call('GET', '/user/sessions/ada', { token })).body as { id: string }[]
  expect(await getMe(api, token)).toEqual({
    username: 'ada',
    group: 'manager',
    created: '2026-01-02T03:04:05.000Z',
    session: session?.id,
    recovery_codes_left: 10,
  })
})

test('counts neither used recovery codes nor those of a pending enrolment', async () => {
  await using api = await createTestApi()
  const owner = await api.logInAs('owner')
  const { secret, recoveryCodes = [] } = await api.context.users.provision(TEST_ACTOR, 'ada', 'viewer', false)
  const { access_token: token } = await api.logIn({ username: 'ada', secret: secret.reveal() })
  await showEnrolment(api, await issueLink(api, owner.token))
  expect(await getMe(api, token)).toMatchObject({ recovery_codes_left: 10 })
  await recover(api, 'ada', recoveryCodes[0]?.reveal() ?? '')
  expect(await getMe(api, token)).toMatchObject({ recovery_codes_left: 9 })
})
