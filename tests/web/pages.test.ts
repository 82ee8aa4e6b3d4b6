import { expect, test } from 'bun:test'
import { createTestApi } from '../testkit/api/test-api.ts'

test.each([
  ['/enrol', 'text/html'],
  ['/enrol/page.css', 'text/css'],
  ['/enrol/page.js', 'text/javascript'],
])('serves %s to anyone as %s, with the common headers', async (path, type) => {
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

test.each([
  ['/openapi.json', 'application/json'],
  ['/docs', 'text/html; charset=utf-8'],
  ['/docs/page.css', 'text/css; charset=utf-8'],
  ['/docs/page.js', 'text/javascript; charset=utf-8'],
])('serves %s to anyone as %s, revalidated by ETag', async (path, type) => {
  await using api = await createTestApi()
  const get = (headers: Record<string, string> = {}, method = 'GET') =>
    api.app.handle(new Request(`http://localhost${path}`, { method, headers }))
  const response = await get()
  const text = await response.text()
  const tag = response.headers.get('etag') ?? ''
  expect([response.status, text.length > 500]).toEqual([200, true])
  expect(tag).toMatch(/^"[0-9a-f]{8,16}"$/)
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-type': type,
    'cache-control': 'no-cache',
    'content-security-policy': expect.stringContaining("default-src 'self'; img-src 'self' data:"),
  })
  for (const etag of [tag, `W/${tag}`, `"x", ${tag}`, '*']) {
    const again = await get({ 'if-none-match': etag })
    expect([again.status, await again.text(), again.headers.get('etag')]).toEqual([304, '', tag])
  }
  expect((await get({ 'if-none-match': '"other"' })).status).toBe(200)
  const head = await get({}, 'HEAD')
  expect([head.status, head.headers.get('etag')]).toEqual([200, tag])
})

test.each(['enrol', 'docs'])(
  '/%s has no inline script, style or handler and loads nothing from other servers',
  async page => {
    await using api = await createTestApi()
    const html = await (await api.app.handle(new Request(`http://localhost/${page}`))).text()
    expect(html).not.toMatch(/<style|style=|<[^>]*\son\w+=|javascript:|(src|href)="(https?:)?\/\//i)
    expect(html.match(/<script[^>]*>[^<]*<\/script>/g)).toEqual([
      `<script type="module" src="${page}/page.js"></script>`,
    ])
  },
)

test.each(['enrol', 'docs'])('a trailing slash redirects to /%s', async page => {
  await using api = await createTestApi()
  const response = await api.app.handle(new Request(`http://localhost/${page}/`))
  expect([response.status, response.headers.get('location')]).toEqual([308, `../${page}`])
})
