import { expect, test } from 'bun:test'
import { createTestApi } from '../_support/api.ts'

test.each([
  ['/enrol', 'text/html'],
  ['/enrol/page.css', 'text/css'],
  ['/enrol/page.js', 'text/javascript'],
])('%s is %s for everybody, with the headers of every answer', async (path, type) => {
  await using api = await createTestApi()
  const response = await api.app.handle(new Request(`http://localhost${path}`))
  expect(response.status).toBe(200)
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-type': `${type}; charset=utf-8`,
    'content-security-policy': expect.stringContaining("default-src 'self'; img-src 'self' data:"),
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'x-frame-options': 'DENY',
  })
})

test('the page holds no script, style or handler of its own, and loads nothing from elsewhere', async () => {
  await using api = await createTestApi()
  const html = await (await api.app.handle(new Request('http://localhost/enrol'))).text()
  expect(html).not.toMatch(/<style|style=|\son\w+=|javascript:|https?:/i)
  expect(html.match(/<script[^>]*>[^<]*<\/script>/g)).toEqual(['<script type="module" src="enrol/page.js"></script>'])
})

test('a slash at the end leads to the page', async () => {
  await using api = await createTestApi()
  const response = await api.app.handle(new Request('http://localhost/enrol/'))
  expect([response.status, response.headers.get('location')]).toEqual([308, '../enrol'])
})
