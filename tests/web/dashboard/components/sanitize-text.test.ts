import { expect, test } from 'bun:test'
import { sanitizeText } from '../../../../src/web/dashboard/components/sanitize-text.ts'

test.each([
  ['\u001b[31mred\u001b[0m', '␛[31mred␛[0m'],
  ['a\u0000b\u0007c\u007f', 'a␀b␇c␡'],
  ['\u009b2J', '<U+009B>2J'],
  ['txt.\u202Eexe', 'txt.<U+202E>exe'],
  ['\u2066a\u2069', '<U+2066>a<U+2069>'],
  ['one\r', 'one'],
  ['over\rwritten', 'over␍written'],
  ['\ttab ü 字 🙂', '\ttab ü 字 🙂'],
])('%p is shown as %p', (text, expected) => {
  expect(sanitizeText(text)).toBe(expected)
})
