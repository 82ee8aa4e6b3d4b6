import { expect, test } from 'bun:test'
import { extractCode } from '../../../../src/web/dashboard/sign-in/code.ts'

test.each([
  ['123456', '123456'],
  ['123 456', '123456'],
  ['123-456', '123456'],
  ['Your code is 123456.', '123456'],
  ['Order 12: 987654', '987654'],
  ['12', '12'],
  ['12ab', '12'],
  ['', ''],
  ['1234567', '123456'],
])('from %p extracts the code %p', (text, code) => {
  expect(extractCode(text)).toBe(code)
})
