import { expect, test } from 'bun:test'
import { Elysia } from 'elysia'
import { createJsonCache } from '../../../src/api/http/json-cache.ts'

test('serialises a remembered value once', async () => {
  let serializations = 0
  const { remember, respond } = createJsonCache<object>()
  const list = remember([{ name: 'ada', toJSON: () => ++serializations }])
  const app = new Elysia().get('/', () => list, { afterHandle: respond })
  for (let request = 0; request < 2; request++) {
    const response = await app.handle(new Request('http://localhost/'))
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(await response.text()).toBe('[1]')
  }
  expect(serializations).toBe(1)
})

test.each([
  ['an object', { error: 'x' }],
  ['text', 'text'],
  ['nothing', null],
])('leaves %s that was not remembered to Elysia', async (_, value) => {
  const { remember, respond } = createJsonCache<object>()
  remember({ error: 'x' })
  const plain = await new Elysia().get('/', () => value).handle(new Request('http://localhost/'))
  const hooked = await new Elysia()
    .get('/', () => value, { afterHandle: respond })
    .handle(new Request('http://localhost/'))
  expect([hooked.headers.get('content-type'), await hooked.text()]).toEqual([
    plain.headers.get('content-type'),
    await plain.text(),
  ])
})
