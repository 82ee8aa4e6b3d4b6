import { expect, test } from 'bun:test'
import { readDocuments } from '../../../src/backups/import/documents.ts'
import { OperatorError } from '../../../src/core/errors.ts'

const read = (text: string) => readDocuments(new TextEncoder().encode(text))

test('reads one document per line with its line number', () => {
  expect(read('{"a":1}\n{"a":2}\n')).toEqual([
    { position: 1, document: { a: 1 } },
    { position: 2, document: { a: 2 } },
  ])
})

test('accepts a byte order mark, CRLF, empty lines and a missing final line feed', () => {
  expect(read('\ufeff{"a":1}\r\n\r\n  \n{"a":2}')).toEqual([
    { position: 1, document: { a: 1 } },
    { position: 4, document: { a: 2 } },
  ])
})

test('reads an array of --jsonArray, pretty or not', () => {
  expect(read('\n[\n{"a":1},\n  {"a":\n2}]\n')).toEqual([
    { position: 1, document: { a: 1 } },
    { position: 2, document: { a: 2 } },
  ])
})

test.each(['{"a":1', 'null', '5', '"text"', '[1]x', '{"a":1}{"a":2}', `{"a":"${'x'.repeat(20_000)}"}`])(
  'reports a line that is not an object by its number: %p',
  line => {
    expect(read(`{}\n  ${line.startsWith('[') ? `{}${line}` : line}\n{}`)).toEqual([
      { position: 1, document: {} },
      { position: 2, document: undefined },
      { position: 3, document: {} },
    ])
  },
)

test('rejects endless nesting', () => {
  expect(read(`{"a":${'['.repeat(8_000)}${']'.repeat(8_000)}}\n{}`).at(-1)).toEqual({ position: 2, document: {} })
  expect(read(`{"a":${'['.repeat(8_000)}\n{}`)[0]?.document).toBeUndefined()
})

test('reports non-objects in an array by position', () => {
  expect(read('[{}, 1, null, []]').map(({ document }) => document)).toEqual([{}, undefined, undefined, undefined])
})

test.each([
  ['an empty file', '', /empty/],
  ['an empty array', '[]', /empty/],
  ['an unterminated array', '[{"secret":"KEEPTHIS"}', /starts like an array but is not one/],
  ['too many documents', '{}\n'.repeat(10_001), /more than 10000 documents/],
])('rejects %s without quoting it', (_, text, message) => {
  expect(() => read(text)).toThrow(OperatorError)
  expect(() => read(text)).toThrow(message)
  expect(() => read(text)).not.toThrow(/KEEPTHIS/)
})

test('rejects files that are not UTF-8', () => {
  expect(() => readDocuments(Buffer.from('{"a":1}', 'utf16le').subarray(0, 3))).not.toThrow(/"a"/)
  expect(() => readDocuments(Uint8Array.of(0xff, 0xfe, 0x7b, 0))).toThrow(/not UTF-8/)
})
