import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Browser, BrowserContextOptions } from 'playwright-core'
import { launchBrowser } from '../testkit/e2e/browser.ts'
import { openPage } from '../testkit/e2e/page.ts'
import { type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'

let browser: Browser
let server: ServerProcess

beforeAll(async () => {
  browser = await launchBrowser()
  server = await startServerProcess({ socket: '/nonexistent/docker.sock' })
})

afterAll(async () => {
  await browser.close()
  await server[Symbol.asyncDispose]()
})

const openDocs = (options?: BrowserContextOptions) => openPage(browser, server, '/docs', options)

test('the search finds an endpoint, and the examples use the address of this server', async () => {
  await using opened = await openDocs()
  const { page, pageErrors } = opened
  expect(await page.locator('#api').textContent()).toBe(server.url)
  const total = await page.locator('article:visible').count()
  await page.keyboard.press('/')
  await page.keyboard.type('idempotency droplet/add')
  const visible = page.locator('article:visible')
  expect([await visible.count(), await visible.getAttribute('id')]).toEqual([1, 'dropletAdd'])
  expect(await page.locator('nav li:visible').allTextContents()).toContain('Add a droplet')
  await page.keyboard.press('Escape')
  expect(await visible.count()).toBe(total)
  expect(pageErrors).toEqual([])
})

test('copies an example verbatim', async () => {
  await using opened = await openDocs({ permissions: ['clipboard-read', 'clipboard-write'] })
  const { page, pageErrors } = opened
  await page.locator('#dropletList').getByRole('button', { name: 'Copy' }).click()
  await page.locator('#dropletList').getByRole('button', { name: 'Copied' }).waitFor()
  const copied = await page.evaluate('navigator.clipboard.readText()')
  expect(copied).toBe('curl -s $API/droplet/list -H "Authorization: Bearer $TOKEN"')
  expect(pageErrors).toEqual([])
})

test.each([
  [360, 'light'],
  [360, 'dark'],
  [1280, 'light'],
  [1280, 'dark'],
] as const)('fits at %i pixels in %s mode, with and without JavaScript', async (width, colorScheme) => {
  for (const javaScriptEnabled of [true, false]) {
    await using opened = await openDocs({ viewport: { width, height: 740 }, colorScheme, javaScriptEnabled })
    const { page, pageErrors } = opened
    await page.getByRole('heading', { name: 'Add a droplet' }).waitFor()
    const box = await page.locator('body').boundingBox()
    expect(box?.width).toBe(width)
    // `evaluate` works even with JavaScript disabled.
    const overflowing =
      '[...document.querySelectorAll("article")].filter(({ scrollWidth: s, clientWidth: c }) => s > c).length'
    expect(await page.evaluate(overflowing)).toBe(0)
    expect(pageErrors).toEqual([])
  }
})
