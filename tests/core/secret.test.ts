import { expect, test } from 'bun:test'
import { format, inspect } from 'node:util'
import { Secret } from '../../src/core/secret.ts'

const text = new Secret('hunter2')
const bytes = new Secret(new TextEncoder().encode('hunter2'))

test('reveal returns the value', () => {
  expect(text.reveal()).toBe('hunter2')
  expect(bytes.reveal()).toEqual(new TextEncoder().encode('hunter2'))
})

test.each<[string, (secret: Secret<string | Uint8Array>) => string]>([
  ['a template literal', secret => `${secret}`],
  ['String()', String],
  ['JSON.stringify', secret => JSON.stringify({ secret })],
  ['util.inspect', secret => inspect({ nested: { secret } }, { depth: 9, showHidden: true })],
  ['util.format', secret => format('%s %o %j', secret, secret, secret)],
  ['Bun.inspect', secret => Bun.inspect({ secret })],
  ['an error message', secret => String(new Error(`wrong: ${secret}`))],
])('%s does not print the value', (_, print) => {
  for (const secret of [text, bytes]) {
    const printed = print(secret)
    expect(printed).toContain('[secret]')
    expect(printed).not.toContain('hunter2')
    expect(printed).not.toContain('104')
  }
})

test('has no enumerable properties', () => {
  expect(Reflect.ownKeys(text)).toEqual([])
  expect({ ...text }).toEqual({})
})
