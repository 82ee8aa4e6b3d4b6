import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { createTestApi } from '../_support/api.ts'
import { refusalIn, send } from '../_support/exchange.ts'
import { anyJson, anyText, holds, hostileTexts } from '../_support/properties.ts'

// Who is let in is told that there is no such droplet (900): that costs the least, and the engine hears nothing.
const LET_IN = 900
const ROUTE = ['PATCH', '/droplet/stop/none'] as const

const shown = fc.constantFrom<('live' | 'other' | 'refresh' | 'never')[]>(
  'live',
  'live',
  'live',
  'other',
  'refresh',
  'never',
)
const scheme = fc.mixedCase(fc.constant('bearer'))
const spaces = (min: number) => fc.integer({ min, max: 4 }).map(count => ' '.repeat(count))
const asHeader = fc.tuple(spaces(0), scheme, fc.constantFrom('', ':'), spaces(1), shown, spaces(0))
const notOurs = fc.constantFrom('Basic YWRhOng=', 'BearerX live', 'Bearer', 'Bearer:', 'Digest a="b"', 'live')

interface Request {
  headers: (string | [string, string, string, string, string, string])[]
  field?: unknown
  form: boolean
  query: string
}
const requests: fc.Arbitrary<Request> = fc.record(
  {
    headers: fc.array(fc.oneof({ arbitrary: asHeader, weight: 3 }, notOurs), { maxLength: 3 }),
    field: fc.oneof(shown, shown, fc.constantFrom('', null, 7, true), anyJson),
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

async function withTokens() {
  const api = await createTestApi()
  const ada = await api.createUser('ada', 'manager')
  const { access_token: live, refresh_token: refresh } = await api.logIn(ada)
  const other = (await api.signedIn('owner')).token
  const never = '0123456789abcdef'.repeat(4)
  const tokens = new Map(Object.entries({ live, refresh, other, never }))
  return {
    api,
    live,
    refresh,
    tokenOf: (name: string) => tokens.get(name) ?? name,
    [Symbol.asyncDispose]: api[Symbol.asyncDispose],
  }
}

test('a token counts wherever it stands and however it is spelled; two different ones or one in the address never', async () => {
  await using scope = await withTokens()
  const { api, tokenOf } = scope
  await holds('credentials: all places', requests, async ({ headers, field, form, query }) => {
    const authorization = headers.map(header =>
      typeof header === 'string' ? header.replace('live', tokenOf('live')) : header.map(tokenOf).join(''),
    )
    const access_token = typeof field === 'string' ? tokenOf(field) : field
    const sent = new Headers(authorization.map(value => ['authorization', value]))
    sent.set('content-type', form ? 'application/x-www-form-urlencoded' : 'application/json')
    const body = form
      ? new URLSearchParams(field === undefined ? {} : { access_token: asText(access_token) }).toString()
      : JSON.stringify(field === undefined ? {} : { access_token })
    const answer = await send(api, ROUTE[0], `${ROUTE[1]}${query}`, { headers: sent, body })

    const inField = form && field !== undefined ? asText(access_token) : access_token
    const given = new Set(headers.flatMap(header => (typeof header === 'string' ? [] : [tokenOf(header[4])])))
    if (typeof inField === 'string' && inField !== '') given.add(inField)
    const inAddress = /[?&](access_token|access%5ftoken|token|refresh_token)(=|$)/.test(query)
    const letIn = given.has(tokenOf('live')) || given.has(tokenOf('other'))
    expect(refusalIn(answer)).toBe(inAddress || given.size > 1 ? 917 : letIn ? LET_IN : 908)
  })
  expect(api.memory.calls).toEqual([])
})

const visible = fc.string({
  unit: fc
    .oneof(fc.integer({ min: 0x20, max: 0x7e }), fc.integer({ min: 0x80, max: 0xff }))
    .map(code => String.fromCharCode(code)),
})

/** What stands before the token, between, and after it, and in which header. */
type Near = [before: string, between: string, after: string, header: string]
const near: fc.Arbitrary<Near> = fc.tuple(
  fc.oneof(
    visible,
    fc.constantFrom('Bearer', 'bearer:', 'Basic', 'Bearer Bearer', 'Bearer,', 'Token', 'Basic Bearer', '"Bearer'),
  ),
  fc.constantFrom(' ', '', ':', '  ', '\t', ': ', '="', '\u00a0'),
  fc.oneof(visible, fc.constantFrom('', ' x', '\t', ';', '"')),
  fc.constantFrom('authorization', 'authorization', 'x-access-token', 'cookie', 'proxy-authorization'),
)

test('no header but Bearer with the token lets anybody in, however near it comes', async () => {
  await using scope = await withTokens()
  const { api, live } = scope
  await holds('credentials: other headers', near, async ([before, between, after, header]) => {
    const value = `${before}${between}${live}${after}`
    const understood =
      header === 'authorization' && value.split(',').some(part => /^bearer:? +[0-9a-f]{64}$/i.test(part.trim()))
    fc.pre(!understood)
    expect(refusalIn(await send(api, ...ROUTE, { headers: { [header]: value } }))).toBe(908)
  })
})

const inserted = (text: string, at: number, replacing: number) => (token: string) =>
  token.slice(0, at) + text + token.slice(at + replacing)
const changes = fc.oneof(
  fc.tuple(fc.nat(63), fc.nat(15)).map(([at, digit]) => inserted(digit.toString(16), at, 1)),
  fc.tuple(fc.nat(64), anyText).map(([at, text]) => inserted(text, at, 0)),
  fc.nat(63).map(at => inserted('', at, 64)),
  fc.constantFrom<((token: string) => string)[]>(
    token => token.toUpperCase(),
    token => [...token].toReversed().join(''),
    token => `${token}\n`,
    token => `%${token.charCodeAt(0).toString(16)}${token.slice(1)}`,
  ),
  fc.oneof(anyText, fc.constantFrom(...hostileTexts)).map(text => () => text),
)

test('no text but the token itself is a token, in a field of the body as little as at the refresh', async () => {
  await using scope = await withTokens()
  const { api, live, refresh } = scope
  await holds('credentials: other tokens', changes, async change => {
    const json = (value: unknown) => ({ headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) })
    const access_token = change(live)
    if (access_token !== live) {
      expect(refusalIn(await send(api, ...ROUTE, json({ access_token })))).toBe(908)
      expect(refusalIn(await send(api, 'DELETE', '/user/auth/revoke/ada', json({ access_token })))).toBe(908)
    }
    const refresh_token = change(refresh)
    if (refresh_token === refresh) return
    const answer = await send(api, 'POST', '/user/auth/refresh', json({ grant_type: 'refresh_token', refresh_token }))
    expect(refusalIn(answer)).toBe(refresh_token === '' ? 917 : 910)
    await api.forgetFailures()
  })
})

/** What a form can say of a value. */
function asText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
