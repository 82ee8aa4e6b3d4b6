import { expect, test } from 'bun:test'
import { createTestApi, type TestApi } from '../testkit/api/test-api.ts'

const get = (api: TestApi, path: string, headers: Record<string, string> = {}) =>
  api.app.handle(new Request(`http://localhost/${path}`, { headers }))

/** The files that the page references. */
async function referencedFiles(api: TestApi): Promise<string[]> {
  const page = await (await get(api, '')).text()
  return [...page.matchAll(/(?:src|href)="(app\/[^"]+)"/g)].map(([, name = '']) => name)
}

test('the page has no inline script, style or handler and loads nothing from other servers', async () => {
  await using api = await createTestApi()
  const page = await (await get(api, '')).text()
  expect(page).not.toMatch(/<style|style=|<[^>]*\son\w+=|javascript:|(src|href)="(https?:)?\/\//i)
  expect((await referencedFiles(api)).map(name => name.replace(/-\w+\./, '.')).sort()).toEqual([
    'app/app.css',
    'app/app.js',
  ])
})

test('the initial files are at most 60 KB and cached for ever', async () => {
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
  'sends uncompressed files for Accept-Encoding %p',
  async acceptEncoding => {
    await using api = await createTestApi()
    const [name = ''] = (await referencedFiles(api)).filter(file => file.endsWith('.css'))
    const response = await get(api, name, { 'accept-encoding': acceptEncoding })
    expect(response.headers.get('content-encoding')).toBeNull()
    expect(await response.text()).toContain('.shell')
  },
)

test.each(['app/none.js', 'app/..%2f..%2fetc%2fpasswd', 'app/__proto__'])(
  '%s is not a file of the dashboard',
  async path => {
    await using api = await createTestApi()
    expect((await get(api, path)).status).toBe(404)
  },
)
