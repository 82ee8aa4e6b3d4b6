import { expect, test } from 'bun:test'
import { isUtf8 } from 'node:buffer'
import fc from 'fast-check'
import { readFields } from '../../src/api/http/body.ts'
import { createTestApi } from '../testkit/api/test-api.ts'
import { errorIdIn, sendRequest } from '../testkit/api/wire-response.ts'
import { anyJson, anyText, checkProperty } from '../testkit/properties/check-property.ts'

const LIMIT = 16 * 1024
const JSON_TYPE = 'application/json'
const FORM_TYPE = 'application/x-www-form-urlencoded'

const headerText = fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map(code => String.fromCharCode(code)) })
const contentTypes = fc.oneof(
  fc.constantFrom(
    JSON_TYPE,
    FORM_TYPE,
    `${JSON_TYPE}; charset=utf-8`,
    `${FORM_TYPE};charset="UTF-8"`,
    'APPLICATION/JSON',
  ),
  fc.constantFrom(
    `${JSON_TYPE}; charset=utf-16`,
    'text/plain',
    'multipart/form-data; boundary=x',
    'application/json5',
    ';',
    '',
  ),
  headerText.map(text => text.trim()),
)

const jsonLikeTexts = fc
  .array(
    fc.oneof(
      fc.constantFrom('{', '}', '[', ']', '"', ',', ':', '\\', 'null', '1e5000', '\ufeff', '"username"', '"code"'),
      anyText,
    ),
    {
      maxLength: 12,
    },
  )
  .map(parts => parts.join(''))
const bodies = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  anyText.map(text => Buffer.from(text)),
  anyText.map(text => Buffer.from(text, 'utf16le')),
  anyJson.map(value => Buffer.from(JSON.stringify(value))),
  jsonLikeTexts.map(text => Buffer.from(text)),
  fc
    .array(fc.tuple(anyText, anyText), { maxLength: 4 })
    .map(pairs => Buffer.from(new URLSearchParams(pairs).toString())),
)

/** Routes that read a body, and their possible error ids for meaningless fields. */
const routes = fc.constantFrom<[string, string, number[]][]>(
  ['POST', '/user/auth', [901, 902, 917]],
  ['POST', '/user/auth/refresh', [910, 917]],
  ['POST', '/user/add', [905, 913, 917]],
  ['PATCH', '/droplet/stop/cikit07', [900, 917]],
  ['DELETE', '/user/delete/nobody', [903, 917]],
)

test('any bytes with any content type are rejected with a JSON error and change nothing', async () => {
  await using api = await createTestApi()
  const { token } = await api.logInAs('owner')
  const users = api.context.users.list()
  await checkProperty(
    'bodies: any bytes',
    fc.tuple(routes, contentTypes, bodies),
    async ([[method, path, ids], type, body]) => {
      const headers = {
        'content-type': type,
        ...(path.startsWith('/user/auth') ? {} : { authorization: `Bearer ${token}` }),
      }
      const response = await sendRequest(api, method, path, { headers, body })
      const id = errorIdIn(response)
      expect(ids).toContain(id)
      if (!isUtf8(body)) expect(id).toBe(917)
      if (id === 902 || id === 910) await api.clearFailures()
    },
  )
  expect(api.context.users.list()).toEqual(users)
  expect(api.logLines.join('')).not.toContain('"level":"error"')
})

const sizes = fc.oneof(fc.integer({ min: LIMIT - 3, max: LIMIT + 3 }), fc.nat(3 * LIMIT))
const pieceLengthLists = fc.array(fc.integer({ min: 1, max: LIMIT }), { minLength: 1, maxLength: 20 })

function streamInPieces(body: Uint8Array, pieceLengths: number[]): ReadableStream<Uint8Array> {
  let [offset, pieceIndex] = [0, 0]
  return new ReadableStream({
    pull(controller) {
      if (offset >= body.length) return controller.close()
      const length = pieceLengths[pieceIndex++ % pieceLengths.length] ?? 1
      controller.enqueue(body.slice(offset, offset + length))
      offset += length
    },
  })
}

test('accepts a body of 16 KiB and rejects a larger one, with Content-Length or chunked', async () => {
  await using api = await createTestApi()
  const cases = fc.record({
    size: sizes,
    type: fc.constantFrom(JSON_TYPE, FORM_TYPE),
    lengths: fc.option(pieceLengthLists),
  })
  await checkProperty('bodies: size', cases, async ({ size, type, lengths: pieceLengths }) => {
    // Padded with spaces or a long field value, so that the body is well-formed at any length.
    const text =
      type === JSON_TYPE ? `{}${' '.repeat(Math.max(0, size - 2))}` : `a=${'b'.repeat(Math.max(0, size - 2))}`
    const body = new TextEncoder().encode(text)
    const headers = { 'content-type': type, ...(pieceLengths ? {} : { 'content-length': String(body.length) }) }
    const response = await sendRequest(api, 'POST', '/user/auth', {
      headers,
      body: pieceLengths ? streamInPieces(body, pieceLengths) : body,
    })
    expect(errorIdIn(response)).toBe(body.length > LIMIT ? 920 : 901)
  })
})

const brackets = fc.string({ unit: fc.constantFrom('{', '}', '[', ']', '"', '\\', 'a'), maxLength: 5 })
const nested = fc.record({
  depth: fc.oneof(fc.integer({ min: 30, max: 35 }), fc.integer({ min: 1, max: 60 })),
  arrays: fc.array(fc.boolean(), { minLength: 1, maxLength: 10 }),
  text: brackets,
  indent: fc.constantFrom(0, 1),
})

test('accepts JSON up to a depth of 32, regardless of brackets in strings', async () => {
  await using api = await createTestApi()
  await checkProperty('bodies: depth', nested, async ({ depth, arrays, text, indent }) => {
    let value: unknown = text
    for (let level = 1; level < depth; level++) {
      value = arrays[level % arrays.length] ? [text, value] : { [text]: text, 'the next': value }
    }
    const body = JSON.stringify({ deep: value }, undefined, indent)
    const response = await sendRequest(api, 'POST', '/user/auth', { headers: { 'content-type': JSON_TYPE }, body })
    expect(errorIdIn(response)).toBe(depth > 32 ? 917 : 901)
  })
})

test('reads a form and JSON into the same fields, and rejects a duplicate field', async () => {
  const fields = fc.uniqueArray(
    fc.tuple(fc.oneof(anyText, fc.constantFrom('__proto__', 'constructor', 'code')), anyText),
    {
      selector: ([name]) => name,
      maxLength: 6,
    },
  )
  await checkProperty('bodies: forms match JSON', fields, async pairs => {
    const read = (type: string, body: string) =>
      readFields(new Request('http://localhost/', { method: 'POST', headers: { 'content-type': type }, body }))
    const form = await read(FORM_TYPE, new URLSearchParams(pairs).toString())
    const json = await read(
      JSON_TYPE,
      `{${pairs.map(pair => pair.map(text => JSON.stringify(text)).join(':')).join()}}`,
    )
    expect(Object.entries(form).toSorted()).toEqual(pairs.toSorted())
    expect(Object.entries(json).toSorted()).toEqual(pairs.toSorted())
    for (const fields of [form, json]) expect(Object.getPrototypeOf(fields)).toBe(Object.prototype)

    const [firstPair] = pairs
    if (!firstPair) return
    const duplicated = await read(FORM_TYPE, new URLSearchParams([...pairs, firstPair]).toString())
    expect(duplicated).toMatchObject({ reason: 'a field is given twice' })
  })
})
