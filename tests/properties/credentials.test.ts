import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { createTestApi } from '../testkit/api/test-api.ts'
import { errorIdIn, sendRequest } from '../testkit/api/wire-response.ts'
import { anyJson, anyText, checkProperty, hostileTexts } from '../testkit/properties/check-property.ts'

// An authenticated request gets 900 (no such droplet): the cheapest response, without a call to the engine.
const AUTHENTICATED_ERROR_ID = 900
const ROUTE = ['PATCH', '/droplet/stop/none'] as const

const tokenNames = fc.constantFrom<('live' | 'other' | 'refresh' | 'unknown')[]>(
  'live',
  'live',
  'live',
  'other',
  'refresh',
  'unknown',
)
const scheme = fc.mixedCase(fc.constant('bearer'))
const spaces = (min: number) => fc.integer({ min, max: 4 }).map(count => ' '.repeat(count))
const bearerHeaders = fc.tuple(spaces(0), scheme, fc.constantFrom('', ':'), spaces(1), tokenNames, spaces(0))
const foreignHeaders = fc.constantFrom('Basic YWRhOng=', 'BearerX live', 'Bearer', 'Bearer:', 'Digest a="b"', 'live')

interface CredentialCase {
  headers: (string | [string, string, string, string, string, string])[]
  field?: unknown
  form: boolean
  query: string
}
const requests: fc.Arbitrary<CredentialCase> = fc.record(
  {
    headers: fc.array(fc.oneof({ arbitrary: bearerHeaders, weight: 3 }, foreignHeaders), { maxLength: 3 }),
    field: fc.oneof(tokenNames, tokenNames, fc.constantFrom('', null, 7, true), anyJson),
    form: fc.boolean(),
    query: fc.constantFrom(
      '',
      '',
      '',
      '',
      '?',
      '?page=1',
      '?x=access_token',
      '?access_token[$ne]=x',
      '?token',
      '?a=b&refresh_token=x',
      '?access%5ftoken=x',
    ),
  },
  { requiredKeys: ['headers', 'form', 'query'] },
)

async function createTokenFixture() {
  const api = await createTestApi()
  const ada = await api.createUser('ada', 'manager')
  const { access_token: liveToken, refresh_token: refreshToken } = await api.logIn(ada)
  const other = (await api.logInAs('owner')).token
  const unknownToken = '0123456789abcdef'.repeat(4)
  const tokens = new Map(Object.entries({ live: liveToken, refresh: refreshToken, other, unknown: unknownToken }))
  return {
    api,
    liveToken,
    refreshToken,
    tokenOf: (name: string) => tokens.get(name) ?? name,
    [Symbol.asyncDispose]: api[Symbol.asyncDispose],
  }
}

test('accepts a token in the header or body in any spelling; rejects two different tokens, and tokens in the query', async () => {
  await using fixture = await createTokenFixture()
  const { api, tokenOf } = fixture
  await checkProperty('credentials: all locations', requests, async ({ headers, field, form, query }) => {
    const authorization = headers.map(header =>
      typeof header === 'string' ? header.replace('live', tokenOf('live')) : header.map(tokenOf).join(''),
    )
    const access_token = typeof field === 'string' ? tokenOf(field) : field
    const requestHeaders = new Headers(authorization.map(value => ['authorization', value]))
    requestHeaders.set('content-type', form ? 'application/x-www-form-urlencoded' : 'application/json')
    const body = form
      ? new URLSearchParams(field === undefined ? {} : { access_token: asText(access_token) }).toString()
      : JSON.stringify(field === undefined ? {} : { access_token })
    const response = await sendRequest(api, ROUTE[0], `${ROUTE[1]}${query}`, { headers: requestHeaders, body })

    const fieldToken = form && field !== undefined ? asText(access_token) : access_token
    const givenTokens = new Set(headers.flatMap(header => (typeof header === 'string' ? [] : [tokenOf(header[4])])))
    if (typeof fieldToken === 'string' && fieldToken !== '') givenTokens.add(fieldToken)
    const isInQuery = /[?&](access_token|access%5ftoken|token|refresh_token)(=|$)/.test(query)
    const isAuthenticated = givenTokens.has(tokenOf('live')) || givenTokens.has(tokenOf('other'))
    expect(errorIdIn(response)).toBe(
      isInQuery || givenTokens.size > 1 ? 917 : isAuthenticated ? AUTHENTICATED_ERROR_ID : 908,
    )
  })
  expect(api.memoryEngine.calls).toEqual([])
})

const headerText = fc.string({
  unit: fc
    .oneof(fc.integer({ min: 0x20, max: 0x7e }), fc.integer({ min: 0x80, max: 0xff }))
    .map(code => String.fromCharCode(code)),
})

/** The text around the token, and the header that carries it. */
type NearMiss = [before: string, between: string, after: string, header: string]
const nearMisses: fc.Arbitrary<NearMiss> = fc.tuple(
  fc.oneof(
    headerText,
    fc.constantFrom('Bearer', 'bearer:', 'Basic', 'Bearer Bearer', 'Bearer,', 'Token', 'Basic Bearer', '"Bearer'),
  ),
  fc.constantFrom(' ', '', ':', '  ', '\t', ': ', '="', '\u00a0'),
  fc.oneof(headerText, fc.constantFrom('', ' x', '\t', ';', '"')),
  fc.constantFrom('authorization', 'authorization', 'x-access-token', 'cookie', 'proxy-authorization'),
)

test('accepts no header except Authorization: Bearer with the token', async () => {
  await using fixture = await createTokenFixture()
  const { api, liveToken } = fixture
  await checkProperty('credentials: other headers', nearMisses, async ([before, between, after, header]) => {
    const value = `${before}${between}${liveToken}${after}`
    const isBearerToken =
      header === 'authorization' && value.split(',').some(part => /^bearer:? +[0-9a-f]{64}$/i.test(part.trim()))
    fc.pre(!isBearerToken)
    expect(errorIdIn(await sendRequest(api, ...ROUTE, { headers: { [header]: value } }))).toBe(908)
  })
})

const insertText = (text: string, index: number, replacedLength: number) => (token: string) =>
  token.slice(0, index) + text + token.slice(index + replacedLength)
const tokenChanges = fc.oneof(
  fc.tuple(fc.nat(63), fc.nat(15)).map(([index, digit]) => insertText(digit.toString(16), index, 1)),
  fc.tuple(fc.nat(64), anyText).map(([index, text]) => insertText(text, index, 0)),
  fc.nat(63).map(index => insertText('', index, 64)),
  fc.constantFrom<((token: string) => string)[]>(
    token => token.toUpperCase(),
    token => [...token].toReversed().join(''),
    token => `${token}\n`,
    token => `%${token.charCodeAt(0).toString(16)}${token.slice(1)}`,
  ),
  fc.oneof(anyText, fc.constantFrom(...hostileTexts)).map(text => () => text),
)

test('rejects every altered access and refresh token', async () => {
  await using fixture = await createTokenFixture()
  const { api, liveToken, refreshToken } = fixture
  await checkProperty('credentials: other tokens', tokenChanges, async change => {
    const json = (value: unknown) => ({ headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) })
    const access_token = change(liveToken)
    if (access_token !== liveToken) {
      expect(errorIdIn(await sendRequest(api, ...ROUTE, json({ access_token })))).toBe(908)
      expect(errorIdIn(await sendRequest(api, 'DELETE', '/user/auth/revoke/ada', json({ access_token })))).toBe(908)
    }
    const refresh_token = change(refreshToken)
    if (refresh_token === refreshToken) return
    const response = await sendRequest(
      api,
      'POST',
      '/user/auth/refresh',
      json({ grant_type: 'refresh_token', refresh_token }),
    )
    expect(errorIdIn(response)).toBe(refresh_token === '' ? 917 : 910)
    await api.clearFailures()
  })
})

/** A value as a form field. */
function asText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
