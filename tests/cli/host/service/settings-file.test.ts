import { expect, test } from 'bun:test'
import { parseSettings, withSettings } from '../../../../cli/host/service/settings-file.ts'

const read = (text: string) => parseSettings(text, 'file.env')

test('a new file says how to apply changes', () => {
  expect(withSettings(undefined, { domain: 'matrix.test' })).toBe(
    '# Settings of cikit-api.service. To apply changes, run: cikit-api install\nCIKIT_API_DOMAIN=matrix.test\n',
  )
})

test('keeps other lines unchanged', () => {
  const text = '; mine\nHTTP_PROXY=http://proxy:1\n\n  CIKIT_API_PORT = no\nCIKIT_API_DOMAIN="matrix.test"\n'
  expect(withSettings(text, {})).toBe(text)
  expect(withSettings(text, { domain: 'matrix.test' })).toBe(text)
})

test('replaces an earlier setting and its repetitions', () => {
  const text = 'CIKIT_API_PORT=1\n# between\nCIKIT_API_PORT=2\nCIKIT_API_HOST=::1\n'
  expect(withSettings(text, { port: '3', image: 'debian' })).toBe(
    '# between\nCIKIT_API_PORT=3\nCIKIT_API_HOST=::1\nCIKIT_API_IMAGE=debian\n',
  )
})

test.each(['plain', '/a b/c', 'quo"ted', "apo'strophe", 'back\\slash', '$HOME `id` %h', '#no comment', 'a=b'])(
  'reads %p as it was written',
  value => {
    const text = withSettings('A=1\n', { 'tls-key': value })
    expect(read(text)).toEqual({ A: '1', CIKIT_API_TLS_KEY: value })
    expect(withSettings(text, { 'tls-key': value })).toBe(text)
  },
)

test('parses quotes and comments like systemd', () => {
  expect(read('# A=0\n ;B=1\nC= blank between \nD="a \\" b \\n"\nE=\'x "y"\'\nF=\n')).toEqual({
    C: 'blank between',
    D: 'a " b \\n',
    E: 'x "y"',
    F: '',
  })
})

test.each(['A', 'A=one\\', 'A="open', 'A="a" "b"', '1A=x'])('rejects %p and names its line', line => {
  expect(() => read(`X=1\n${line}\n`)).toThrow('file.env: line 2 is invalid')
})

test('rejects a value of two lines, which would be two settings', () => {
  expect(() => withSettings(undefined, { domain: 'a\nCIKIT_API_HOST=0.0.0.0' })).toThrow('one line')
})
