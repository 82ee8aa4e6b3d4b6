import { describe, expect, test } from 'bun:test'
import { codeAt } from '../_support/codes.ts'
import { confirm, createHost, issue, login, show } from '../_support/enrolment.ts'

const HOUR = 3_600_000

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

test('whose enrolment is under way cannot be told from the work that a login costs', async () => {
  await using host = await createHost()
  const { api, owner } = host
  await show(api, await issue(api, owner.token))
  const wrong = await api.call('POST', '/user/auth', { json: { username: 'ada', code: '000000' } })
  const unknown = await api.call('POST', '/user/auth', { json: { username: 'nobody', code: '000000' } })
  expect(wrong.body).toEqual(unknown.body)
})
