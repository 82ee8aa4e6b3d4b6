import { expect, test } from 'bun:test'
import { createLog, describeError, type Fields, redactTokens } from '../../src/core/log.ts'
import { Secret } from '../../src/core/secret.ts'

function logLine(readable: boolean, message: string, fields?: Fields): string {
  const lines: string[] = []
  const now = () => Date.parse('2026-01-02T03:04:05.678Z')
  createLog({ write: line => void lines.push(line), readable, now }).warn(message, fields)
  expect(lines).toHaveLength(1)
  return lines.join('')
}

test.each(['info', 'warn', 'error'] as const)('writes level %s as one line of JSON', level => {
  const lines: string[] = []
  const log = createLog({ write: line => void lines.push(line), readable: false, now: () => 0 })
  log[level]('droplet added', { droplet: 'cikit01', ms: 1.5, ok: true, gone: undefined, none: null })
  expect(lines).toEqual([
    `{"time":"1970-01-01T00:00:00.000Z","level":"${level}","message":"droplet added","droplet":"cikit01","ms":1.5,"ok":true,"none":null}\n`,
  ])
})

test('each entry has its own time, also after the clock was set back', () => {
  const lines: string[] = []
  const times = [0, 0, 1, 0]
  const log = createLog({ write: line => void lines.push(line), readable: false, now: () => times.shift() ?? 2 })
  for (let entry = 0; entry < 5; entry++) log.info('x')
  expect(lines.map(line => JSON.parse(line).time.slice(-4))).toEqual(['000Z', '000Z', '001Z', '000Z', '002Z'])
})

test('a readable entry is one line, with quotes where needed', () => {
  expect(logLine(true, 'droplet added', { droplet: 'cikit01', text: 'two words', gone: undefined })).toBe(
    '03:04:05.678 WARN  droplet added droplet=cikit01 text="two words"\n',
  )
})

const hostile = [
  ['a line feed', 'x\n2026 INFO forged'],
  ['a carriage return', 'x\rforged'],
  ['an escape sequence', 'x\u001b[2J'],
  ['a NUL', 'x\0y'],
  ['a delete', 'x\u007fy'],
  ['an 8-bit escape sequence', 'x\u009b2J'],
  ['an 8-bit new line', 'x\u0085forged'],
] as const

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters must not be there
const CONTROL_CHARACTERS = /[\u0000-\u001f\u007f-\u009f]/

test.each(hostile)('%s is escaped in readable lines', (_, value) => {
  expect(logLine(true, 'request', { path: value }).slice(0, -1)).not.toMatch(CONTROL_CHARACTERS)
})

test.each(hostile)('%s is escaped in JSON lines, which keep their content', (_, value) => {
  const line = logLine(false, 'request', { path: value })
  expect(line.slice(0, -1)).not.toMatch(CONTROL_CHARACTERS)
  expect(JSON.parse(line)).toMatchObject({ path: value })
})

test('an error is described with its causes', () => {
  const error = new Error('outer', { cause: new TypeError('inner', { cause: 'innermost' }) })
  const text = describeError(error)
  expect(text).toMatch(/outer[\s\S]*\ncaused by TypeError: inner[\s\S]*\ncaused by innermost$/)
})

test('an error is described by its message even if its stack lacks it', () => {
  const error = new Error('before')
  error.message = 'after'
  error.stack = 'somewhere'
  expect(describeError(error)).toBe('Error: after')
})

test('custom fields of an error are not logged', () => {
  const error = Object.assign(new Error('refused'), { request: 'Bearer abc', token: new Secret('abc') })
  expect(describeError(error)).not.toContain('abc')
})

test.each([
  ['text', 'text'],
  [{ token: 'abc' }, 'thrown: object'],
  [undefined, 'thrown: undefined'],
])('a thrown %p is described as %s', (thrown, text) => {
  expect(describeError(thrown)).toBe(text)
})

const hex = '0123456789abcdef'.repeat(4)

test.each([
  ['a token', hex, '[token]'],
  ['a token in upper case', hex.toUpperCase(), '[token]'],
  ['a percent-encoded token', hex.replace(/./g, digit => `%${digit.charCodeAt(0).toString(16)}`), '[token]'],
  ['a token in Base64', Buffer.from(hex, 'hex').toString('base64').replaceAll('/', '+'), '[token]'],
  ['a token in URL-safe Base64', Buffer.from(hex, 'hex').toString('base64url'), '[token]'],
  ['a token with hyphens', hex.match(/.{4}/g)?.join('-') ?? '', '[token]'],
  ['two tokens', `/a/${hex}/b/${hex}/c`, '/a/[token]/b/[token]/c'],
  ['the shortest redacted text', 'x'.repeat(40), '[token]'],
  ['a TOTP secret', 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ', '[secret]'],
  ['two secrets', `${'A2'.repeat(16)} ${'B3'.repeat(16)}`, '[secret] [secret]'],
])('%s is redacted', (_, text, shown) => {
  expect(redactTokens(text)).toBe(shown)
})

test.each([
  ['a name', 'ada.lovelace@example'],
  ['an id', '01234567-89ab-cdef-0123-456789abcdef'],
  ['the longest text that is shown', 'x'.repeat(39)],
  ['a path', '/api/v1/user/auth/revoke/ada/and/what/comes/after/it'],
])('%s is not redacted', (_, text) => {
  expect(redactTokens(text)).toBe(text)
})
