import { expect, test } from 'bun:test'
import { createTestApi } from '../testkit/api/test-api.ts'
import { advanceToCode } from '../testkit/auth/advance-to-code.ts'
import { codeAt } from '../testkit/auth/totp.ts'

const fullWidth = (code: string) => code.replace(/\d/g, digit => String.fromCharCode(0xff10 + Number(digit)))
const arabicIndic = (code: string) => code.replace(/\d/g, digit => String.fromCharCode(0x660 + Number(digit)))

const malformedCodes: [string, (code: string) => unknown][] = [
  ['five digits', code => code.slice(0, 5)],
  ['seven digits', code => `${code}0`],
  ['a leading space', code => ` ${code}`],
  ['a trailing space', code => `${code} `],
  ['a trailing line feed', code => `${code}\n`],
  ['a trailing NUL', code => `${code}\0`],
  ['full-width digits', fullWidth],
  ['Arabic-Indic digits', arabicIndic],
  ['a sign', code => `+${code}`],
  ['the text 1e5000', () => '1e5000'],
  ['a fraction', code => Number(`${code}.5`)],
  ['a negative number', code => -Number(code)],
  ['an array with the code', code => [code]],
  ['an array of digits', code => [...code]],
  ['an object', code => ({ code })],
  ['an operator', () => ({ $ne: null })],
  ['true', () => true],
  ['false', () => false],
  ['zero', () => 0],
  ['hexadecimal', () => '0x1234'],
]

test.each(malformedCodes)('rejects %s as a code with 902, and the valid code still works', async (_, malform) => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  const code = advanceToCode(api, ada.secret, candidate => !candidate.startsWith('0'))
  const logIn = (submitted: unknown) => api.call('POST', '/user/auth', { json: { username: 'ada', code: submitted } })
  const response = await logIn(malform(code))
  expect(response).toMatchObject({ status: 400, body: { errorId: 902 } })
  expect(JSON.stringify(response.body)).not.toContain(code)
  expect(await logIn(code)).toMatchObject({ status: 200 })
})

test('rejects a megabyte of digits for its size', async () => {
  await using api = await createTestApi()
  await api.createUser('ada', 'viewer')
  const response = await api.call('POST', '/user/auth', { json: { username: 'ada', code: '1'.repeat(1_000_000) } })
  expect(response).toMatchObject({ status: 413, body: { errorId: 920 } })
})

test.each<[string, unknown]>([
  ['an empty object', {}],
  ['no code', { username: 'ada' }],
  ['no username', { code: '123456' }],
  ['an empty code', { username: 'ada', code: '' }],
  ['an empty username', { username: '', code: '123456' }],
  ['a null code', { username: 'ada', code: null }],
  ['a null username', { username: null, code: '123456' }],
  ['field names in upper case', { Username: 'ada', CODE: '123456' }],
])('rejects %s with 901', async (_, json) => {
  await using api = await createTestApi()
  await api.createUser('ada', 'viewer')
  expect(await api.call('POST', '/user/auth', { json })).toMatchObject({ status: 400, body: { errorId: 901 } })
})

test('rejects an empty body with 901', async () => {
  await using api = await createTestApi()
  expect(await api.call('POST', '/user/auth')).toMatchObject({ status: 400, body: { errorId: 901 } })
})

test('ignores fields of a __proto__ object', async () => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  const code = codeAt(ada.secret, api.clock.now())
  const body = `{"__proto__":{"username":"ada"},"code":"${code}"}`
  const headers = { 'content-type': 'application/json' }
  expect(await api.call('POST', '/user/auth', { body, headers })).toMatchObject({
    status: 400,
    body: { errorId: 901 },
  })
})

test.each<[string, unknown]>([
  ['an operator', { $ne: null }],
  ['an object that cannot be converted to a string', { toString: false }],
  ['an array', ['ada']],
  ['a number', 7],
  ['true', true],
])('rejects %s as the username with 917', async (_, username) => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  const json = { username, code: codeAt(ada.secret, api.clock.now()) }
  expect(await api.call('POST', '/user/auth', { json })).toMatchObject({ status: 400, body: { errorId: 917 } })
})

test.each([
  'nobody',
  'Ada',
  'ADA',
  'ada ',
  ' ada',
  'ada\0',
  'ada\r\n',
  '\u202eada',
  'a%',
  "' OR 1=1--",
  "ada'--",
  '__proto__',
  'constructor',
  '*',
  'a'.repeat(65),
])('the unknown user %j gets the same response as a wrong code', async username => {
  await using api = await createTestApi()
  const ada = await api.createUser('ada', 'viewer')
  const right = codeAt(ada.secret, api.clock.now())
  const wrong = right === '000000' ? '000001' : '000000'
  const logIn = (json: unknown) => api.call('POST', '/user/auth', { json })
  const known = await logIn({ username: 'ada', code: wrong })
  for (const code of [right, wrong, '12345']) {
    const unknown = await logIn({ username, code })
    expect({ status: unknown.status, body: unknown.body }).toEqual({ status: known.status, body: known.body })
    expect([...unknown.headers.keys()]).toEqual([...known.headers.keys()])
  }
  expect(known).toMatchObject({ status: 400, body: { errorId: 902 } })
})
