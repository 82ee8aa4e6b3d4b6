import { expect, test } from 'bun:test'
import { Elysia } from 'elysia'
import { createToldText } from '../../src/http/told-text.ts'

test('what was kept is told as its text, made once, as JSON', async () => {
  let made = 0
  const { keep, afterHandle } = createToldText<object>()
  const list = keep([{ name: 'ada', toJSON: () => ++made }])
  const app = new Elysia().get('/', () => list, { afterHandle })
  for (let request = 0; request < 2; request++) {
    const answer = await app.handle(new Request('http://localhost/'))
    expect(answer.headers.get('content-type')).toBe('application/json')
    expect(await answer.text()).toBe('[1]')
  }
  expect(made).toBe(1)
})

test.each([
  ['an object', { error: 'x' }],
  ['a text', 'text'],
  ['nothing', null],
])('%s, which was not kept, goes its usual way', async (_, value) => {
  const { keep, afterHandle } = createToldText<object>()
  keep({ error: 'x' })
  const plain = await new Elysia().get('/', () => value).handle(new Request('http://localhost/'))
  const hooked = await new Elysia().get('/', () => value, { afterHandle }).handle(new Request('http://localhost/'))
  expect([hooked.headers.get('content-type'), await hooked.text()]).toEqual([
    plain.headers.get('content-type'),
    await plain.text(),
  ])
})
