import { expect, test } from 'bun:test'
import { createApp } from '../../../src/app.ts'
import { createTestApi } from '../../testkit/api/test-api.ts'

/** The response to a request for this authority when only good.example is allowed. */
async function responseTo(authority: string, path = '/api/v1/user/list') {
  await using api = await createTestApi()
  const config = { ...api.config, listen: { ...api.config.listen, allowedHosts: ['good.example'] } }
  const app = createApp({ ...api.context, config })
  // The constructor rejects URLs that a socket can send.
  const request = new Request('http://localhost/')
  Object.defineProperty(request, 'url', { value: `http://${authority}${path}` })
  const response = await app.handle(request)
  return { status: response.status, body: await response.json() }
}

test.each(['good.example', 'GOOD.example', 'good.example:1337'])('accepts %s', async authority => {
  expect(await responseTo(authority)).toMatchObject({ status: 401, body: { errorId: 908 } })
})

test.each(['evil.example', 'good.example.evil', 'evil.example:99999', '[::1', '1.2.3.4.5', 'xgood.example'])(
  'rejects %s: 421',
  async authority => {
    expect(await responseTo(authority)).toMatchObject({ status: 421, body: { errorId: 921 } })
  },
)

test('accepts any host for the health check, and for no other path', async () => {
  expect(await responseTo('10.0.0.7:1337', '/health')).toMatchObject({ status: 200, body: { store: 'ok' } })
  for (const path of ['/health/../api/v1/user/list', '/health/x', '//health', '/api/v1/user/list?/health', '/enrol']) {
    expect([path, await responseTo('10.0.0.7:1337', path)]).toMatchObject([path, { status: 421 }])
  }
})

test('rejects two Host headers, even if both are allowed', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  for (const host of ['good.example, evil.example', 'evil.example, good.example', 'good.example,good.example']) {
    const response = await api.call('GET', '/user/list', { token, headers: { host } })
    expect(response).toMatchObject({
      status: 400,
      body: { errorId: 917, error: expect.stringContaining('two Host headers') },
    })
  }
})
