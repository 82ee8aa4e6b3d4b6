import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Browser, BrowserContextOptions } from 'playwright-core'
import { launchBrowser } from '../_support/e2e/browser.ts'
import { type Matrix, startMatrix } from '../_support/e2e/matrix.ts'
import { openPage } from '../_support/e2e/page.ts'

let browser: Browser
let matrix: Matrix

beforeAll(async () => {
  browser = await launchBrowser()
  matrix = await startMatrix({ socket: '/nonexistent/docker.sock' })
})

afterAll(async () => {
  await browser.close()
  await matrix[Symbol.asyncDispose]()
})

const open = (options?: BrowserContextOptions) => openPage(browser, matrix, '/docs', options)

test('what is looked for is found, and where this server is stands in the examples', async () => {
  await using opened = await open()
  const { page, complaints } = opened
  expect(await page.locator('#api').textContent()).toBe(matrix.url)
  const all = await page.locator('article:visible').count()
  await page.keyboard.press('/')
  await page.keyboard.type('idempotency droplet/add')
  const visible = page.locator('article:visible')
  expect([await visible.count(), await visible.getAttribute('id')]).toEqual([1, 'dropletAdd'])
  expect(await page.locator('nav li:visible').allTextContents()).toContain('Add a droplet')
  await page.keyboard.press('Escape')
  expect(await visible.count()).toBe(all)
  expect(complaints).toEqual([])
})

test('an example is copied as it stands', async () => {
  await using opened = await open({ permissions: ['clipboard-read', 'clipboard-write'] })
  const { page, complaints } = opened
  await page.locator('#dropletList').getByRole('button', { name: 'Copy' }).click()
  await page.locator('#dropletList').getByRole('button', { name: 'Copied' }).waitFor()
  const copied = await page.evaluate('navigator.clipboard.readText()')
  expect(copied).toBe('curl -s $API/droplet/list -H "Authorization: Bearer $TOKEN"')
  expect(complaints).toEqual([])
})

test.each([
  [360, 'light'],
  [360, 'dark'],
  [1280, 'light'],
  [1280, 'dark'],
] as const)('at %i pixels and %s it fits, and reads without a script, too', async (width, colorScheme) => {
  for (const javaScriptEnabled of [true, false]) {
    await using opened = await open({ viewport: { width, height: 740 }, colorScheme, javaScriptEnabled })
    const { page, complaints } = opened
    await page.getByRole('heading', { name: 'Add a droplet' }).waitFor()
    const box = await page.locator('body').boundingBox()
    expect(box?.width).toBe(width)
    // A script that a page may not run is run for a test all the same.
    const wide =
      '[...document.querySelectorAll("article")].filter(({ scrollWidth: s, clientWidth: c }) => s > c).length'
    expect(await page.evaluate(wide)).toBe(0)
    expect(complaints).toEqual([])
  }
})
