import { expect, test } from 'bun:test'
import { createTestApi } from '../testkit/api/test-api.ts'
import { codeAt } from '../testkit/auth/totp.ts'

test('renewing recovery codes needs a fresh code and invalidates the old ones', async () => {
  await using api = await createTestApi()
  const ann = await api.logInAs('viewer', 'ann')
  const renew = (code: string) => api.call('POST', '/user/recovery-codes', { token: ann.token, json: { code } })
  const recover = (recovery_code: string | undefined) =>
    api.call('POST', '/user/auth/recover', { json: { username: 'ann', recovery_code } })
  const currentCode = codeAt(ann.secret, api.clock.now())
  // This code was already used to log in.
  expect(await renew(currentCode)).toMatchObject({ status: 400, body: { errorId: 902 } })
  api.clock.advance(30_000)
  const first = (await renew(codeAt(ann.secret, api.clock.now()))).body as { recovery_codes: string[] }
  expect(new Set(first.recovery_codes).size).toBe(10)
  api.clock.advance(30_000)
  const second = (await renew(codeAt(ann.secret, api.clock.now()))).body as { recovery_codes: string[] }
  expect((await api.call('GET', '/user/me', { token: ann.token })).body).toMatchObject({ recovery_codes_left: 10 })
  expect(await recover(first.recovery_codes[0])).toMatchObject({ status: 400, body: { errorId: 927 } })
  expect(await recover(second.recovery_codes[0])).toMatchObject({ status: 200 })
  const entries = await api.context.audit.list({ action: 'user.recovery-codes', user: 'ann' })
  expect(entries.map(({ result }) => result)).toEqual(['refused', 'ok', 'ok'])
})

test('wrong codes lock the renewal of recovery codes', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('viewer')
  const statuses = []
  for (let count = 0; count < 12; count++) {
    statuses.push((await api.call('POST', '/user/recovery-codes', { token, json: { code: '000000' } })).status)
  }
  expect(statuses.at(-1)).toBe(429)
})
