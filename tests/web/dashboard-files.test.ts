import { expect, test } from 'bun:test'
import { createTestApi, type TestApi } from '../testkit/api/test-api.ts'

const get = (api: TestApi, path: string, headers: Record<string, string> = {}) =>
  api.app.handle(new Request(`http://localhost/${path}`, { headers }))

/** What the page asks for by itself. */
async function referencedFiles(api: TestApi): Promise<string[]> {
  const page = await (await get(api, '')).text()
  return [...page.matchAll(/(?:src|href)="(app\/[^"]+)"/g)].map(([, name = '']) => name)
}

test('the page has no script, style or handler of its own, and asks for nothing of others', async () => {
  await using api = await createTestApi()
  const page = await (await get(api, '')).text()
  expect(page).not.toMatch(/<style|style=|<[^>]*\son\w+=|javascript:|(src|href)="(https?:)?\/\//i)
  expect((await referencedFiles(api)).map(name => name.replace(/-\w+\./, '.')).sort()).toEqual([
    'app/app.css',
    'app/app.js',
  ])
})

test('what is loaded at first is 60 KB at most, and is kept by browsers for good', async () => {
  await using api = await createTestApi()
  let size = 0
  for (const name of await referencedFiles(api)) {
    const response = await get(api, name, { 'accept-encoding': 'br, gzip' })
    expect([response.status, response.headers.get('content-encoding')]).toEqual([200, 'gzip'])
    expect(response.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
    expect(response.headers.get('vary')).toBe('Accept-Encoding')
    size += (await response.arrayBuffer()).byteLength
  }
  expect(size).toBeGreaterThan(10_000)
  expect(size).toBeLessThan(60_000)
})

test.each(['', 'identity', 'gzip;q=0', 'br, gzip; q=0.0, *'])(
  'who takes nothing compressed (%p) gets it as it is',
  async acceptEncoding => {
    await using api = await createTestApi()
    const [name = ''] = (await referencedFiles(api)).filter(file => file.endsWith('.css'))
    const response = await get(api, name, { 'accept-encoding': acceptEncoding })
    expect(response.headers.get('content-encoding')).toBeNull()
    expect(await response.text()).toContain('.shell')
  },
)

test.each(['app/none.js', 'app/..%2f..%2fetc%2fpasswd', 'app/__proto__'])('%s is none of its files', async path => {
  await using api = await createTestApi()
  expect((await get(api, path)).status).toBe(404)
})
