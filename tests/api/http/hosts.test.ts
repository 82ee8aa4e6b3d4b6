import { expect, test } from 'bun:test'
import { createApp } from '../../../src/app.ts'
import { createTestApi } from '../../testkit/api/test-api.ts'

/** What a request to this authority is answered, where only good.example is allowed. */
async function responseTo(authority: string, path = '/api/v1/user/list') {
  await using api = await createTestApi()
  const config = { ...api.config, listen: { ...api.config.listen, allowedHosts: ['good.example'] } }
  const app = createApp({ ...api.context, config })
  // An object with the address as Bun hands it on: the constructor would refuse what a socket can send.
  const request = new Request('http://localhost/')
  Object.defineProperty(request, 'url', { value: `http://${authority}${path}` })
  const response = await app.handle(request)
  return { status: response.status, body: await response.json() }
}

test.each(['good.example', 'GOOD.example', 'good.example:1337'])('%s is answered', async authority => {
  expect(await responseTo(authority)).toMatchObject({ status: 401, body: { errorId: 908 } })
})

test.each(['evil.example', 'good.example.evil', 'evil.example:99999', '[::1', '1.2.3.4.5', 'xgood.example'])(
  '%s is misdirected',
  async authority => {
    expect(await responseTo(authority)).toMatchObject({ status: 421, body: { errorId: 921 } })
  },
)

test('who asks for the health is answered by any name, and for nothing else', async () => {
  expect(await responseTo('10.0.0.7:1337', '/health')).toMatchObject({ status: 200, body: { store: 'ok' } })
  for (const path of ['/health/../api/v1/user/list', '/health/x', '//health', '/api/v1/user/list?/health', '/enrol']) {
    expect([path, await responseTo('10.0.0.7:1337', path)]).toMatchObject([path, { status: 421 }])
  }
})

test('two Hosts are refused, whichever of them is allowed', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  for (const host of ['good.example, evil.example', 'evil.example, good.example', 'good.example,good.example']) {
    const response = await api.call('GET', '/user/list', { token, headers: { host } })
    expect(response).toMatchObject({ status: 400, body: { errorId: 917, error: expect.stringContaining('Two Host') } })
  }
})
