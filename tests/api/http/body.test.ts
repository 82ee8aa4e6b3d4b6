import { expect, test } from 'bun:test'
import { MalformedBody, readFields } from '../../../src/api/http/body.ts'
import { type CallOptions, createTestApi, type TestApi } from '../../testkit/api/test-api.ts'

const LIMIT = 16 * 1024
const JSON_TYPE = { 'content-type': 'application/json' }
const FORM_TYPE = { 'content-type': 'application/x-www-form-urlencoded' }
const malformed = { status: 400, body: { errorId: 917 } }
const tooLarge = { status: 413, body: { errorId: 920 } }

/** Login is open to all, so it shows how a body is read: 901 means that it was read and has no credentials. */
function send(api: TestApi, options: CallOptions) {
  return api.call('POST', '/user/auth', options)
}

function chunkedBody(size: number): ReadableStream<Uint8Array> {
  let remaining = size
  return new ReadableStream({
    pull(controller) {
      if (remaining <= 0) return controller.close()
      controller.enqueue(new Uint8Array(Math.min(remaining, 1_000)).fill(0x20))
      remaining -= 1_000
    },
  })
}

test.each<[string, CallOptions]>([
  ['no body', {}],
  ['an empty JSON body', { body: '', headers: JSON_TYPE }],
  ['an empty body of an unknown type', { body: '', headers: { 'content-type': 'text/xml' } }],
  ['an empty object', { json: {} }],
  ['an empty form field', { body: 'username=', headers: FORM_TYPE }],
  ['JSON with a charset', { body: '{}', headers: { 'content-type': 'application/json; charset=utf-8' } }],
  ['JSON with a charset in quotes', { body: '{}', headers: { 'content-type': 'Application/JSON;charset="UTF-8"' } }],
  ['a form with a charset', { body: 'a=b', headers: { 'content-type': `${FORM_TYPE['content-type']};charset=UTF-8` } }],
  ['JSON with a byte order mark', { body: '\ufeff{}', headers: JSON_TYPE }],
  ['JSON with brackets in a string', { body: `{"a":"${'['.repeat(100)}\\"["}`, headers: JSON_TYPE }],
  ['JSON 32 deep', { body: `${'{"a":'.repeat(31)}{}${'}'.repeat(31)}`, headers: JSON_TYPE }],
  ['JSON with a duplicate key', { body: '{"code":"123456","code":""}', headers: JSON_TYPE }],
])('reads %s', async (_, options) => {
  await using api = await createTestApi()
  expect(await send(api, options)).toMatchObject({ status: 400, body: { errorId: 901 } })
})

test.each<[string, CallOptions]>([
  ['incomplete JSON', { body: '{', headers: JSON_TYPE }],
  ['two JSON documents', { body: '{} {}', headers: JSON_TYPE }],
  ['a string', { body: '"username"', headers: JSON_TYPE }],
  ['null', { body: 'null', headers: JSON_TYPE }],
  ['an array', { body: '[]', headers: JSON_TYPE }],
  ['a number', { body: '1e5000', headers: JSON_TYPE }],
  ['spaces only', { body: '  ', headers: JSON_TYPE }],
  ['JSON 33 deep', { body: `${'{"a":'.repeat(32)}{}${'}'.repeat(32)}`, headers: JSON_TYPE }],
  ['8,000 nested arrays', { body: '['.repeat(8_000), headers: JSON_TYPE }],
  ['JSON declared as text', { body: '{}', headers: { 'content-type': 'text/plain' } }],
  ['JSON declared as a similar type', { body: '{}', headers: { 'content-type': 'application/jsonp' } }],
  ['JSON without a type', { body: new TextEncoder().encode('{}') }],
  ['XML', { body: '<a/>', headers: { 'content-type': 'text/xml' } }],
  ['a multipart form', { body: new FormData() }],
  ['a duplicate field', { body: 'code=1&code=2', headers: FORM_TYPE }],
  ['UTF-16', { body: Buffer.from('{}', 'utf16le'), headers: { 'content-type': 'application/json;charset=utf-16' } }],
  ['UTF-16 declared as UTF-8', { body: Buffer.from('\ufeff{"a":1}', 'utf16le'), headers: JSON_TYPE }],
  ['Latin-1', { body: Buffer.from('{"a":"é"}', 'latin1'), headers: JSON_TYPE }],
  ['a charset that is not UTF-8', { body: '{}', headers: { 'content-type': 'application/json; charset=latin1' } }],
])('rejects %s as malformed: 917', async (_, options) => {
  await using api = await createTestApi()
  expect(await send(api, options)).toMatchObject(malformed)
})

test('reports a malformed body only to clients with access: 401 and 403 come first', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('viewer')
  const malformedBody = { body: '{', headers: JSON_TYPE }
  expect(await api.call('POST', '/droplet/add', malformedBody)).toMatchObject({ status: 401, body: { errorId: 908 } })
  expect(await api.call('POST', '/droplet/add', { ...malformedBody, token })).toMatchObject({
    status: 403,
    body: { errorId: 912 },
  })
  const manager = await api.logInAs('manager')
  expect(await api.call('POST', '/droplet/add', { ...malformedBody, token: manager.token })).toMatchObject(malformed)
  expect(api.memoryEngine.calls).toEqual([])
})

test('does not repeat the input in the response', async () => {
  await using api = await createTestApi()
  for (const headers of [JSON_TYPE, FORM_TYPE, { 'content-type': 'text/hunter2' }]) {
    const { body } = await send(api, { body: 'hunter2&hunter2=1&hunter2=2', headers })
    expect(JSON.stringify(body)).not.toContain('hunter2')
  }
})

test('reads a body of 16 KiB', async () => {
  await using api = await createTestApi()
  const body = `{"a":"${'x'.repeat(LIMIT - 8)}"}`
  expect(body).toHaveLength(LIMIT)
  expect(await send(api, { body, headers: JSON_TYPE })).toMatchObject({ status: 400, body: { errorId: 901 } })
  const headers = { ...JSON_TYPE, 'content-length': String(LIMIT) }
  expect(await send(api, { body, headers })).toMatchObject({ status: 400, body: { errorId: 901 } })
})

test.each<[string, () => CallOptions]>([
  ['announced', () => ({ body: ' '.repeat(LIMIT + 1), headers: { ...JSON_TYPE, 'content-length': `${LIMIT + 1}` } })],
  ['sent in one piece', () => ({ body: ' '.repeat(LIMIT + 1), headers: JSON_TYPE })],
  ['sent in pieces', () => ({ body: chunkedBody(LIMIT + 1), headers: JSON_TYPE })],
  ['sent in very many pieces', () => ({ body: chunkedBody(10_000_000), headers: JSON_TYPE })],
  ['sent as a form', () => ({ body: `a=${'b'.repeat(LIMIT)}`, headers: FORM_TYPE })],
])('rejects more than 16 KiB, %s: 920', async (_, options) => {
  await using api = await createTestApi()
  const { status, headers, body } = await send(api, options())
  expect({ status, body }).toMatchObject(tooLarge)
  expect(headers.get('content-type')).toStartWith('application/json')
  expect(headers.get('cache-control')).toBe('no-store')
})

test('does not call the handler for a body that is too large', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('manager')
  const response = await api.call('POST', '/droplet/add', { token, body: ' '.repeat(LIMIT + 1), headers: JSON_TYPE })
  expect(response).toMatchObject(tooLarge)
  expect(api.memoryEngine.calls).toEqual([])
})

test('accepts an empty body where nothing is required', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('manager')
  expect(await api.call('POST', '/droplet/add', { token })).toMatchObject({ status: 200 })
  expect(await api.call('PATCH', '/droplet/stop/cikit01', { token, body: '' })).toMatchObject({ status: 200 })
  expect(await api.call('DELETE', '/droplet/delete/cikit01', { token, json: {} })).toMatchObject({ status: 200 })
})

test('rejects a body that does not arrive in time', async () => {
  const endless = new ReadableStream<Uint8Array>({ start: controller => controller.enqueue(new Uint8Array([123])) })
  const request = new Request('http://localhost/', { method: 'POST', body: endless })
  const body = await readFields(request, 20)
  expect(body).toBeInstanceOf(MalformedBody)
  expect(body).toMatchObject({ reason: 'it arrived too slowly' })
})
