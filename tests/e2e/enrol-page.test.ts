import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { launchBrowser } from '../testkit/e2e/browser.ts'
import { openPage as openIn } from '../testkit/e2e/page.ts'
import { scanPicture } from '../testkit/e2e/qr.ts'
import { currentCode, type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'

let browser: Browser
let server: ServerProcess
let token: string

beforeAll(async () => {
  browser = await launchBrowser()
  server = await startServerProcess({ socket: '/nonexistent/docker.sock' })
  token = await server.logInAs('owner')
})

afterAll(async () => {
  await browser.close()
  await server[Symbol.asyncDispose]()
})

const openPage = (path: string, options?: BrowserContextOptions) => openIn(browser, server, path, options)

const scanQr = async (page: Page) => {
  const source = (await page.locator('#qr').getAttribute('src')) ?? ''
  return await scanPicture(Buffer.from(source.replace('data:image/png;base64,', ''), 'base64'), 'png')
}

test('a user sets up a phone with a link from the owner', async () => {
  const ann = await server.createUser('ann', 'manager')
  const { body } = await server.call('POST', '/user/enrol/ann', token)
  const { url } = body as { url: string }
  await using opened = await openPage(url)
  const { page } = opened
  expect(new URL(page.url()).hash).toBe('')
  await page.getByRole('button', { name: 'Show secret' }).click()
  await page.getByRole('heading', { name: '1. Scan this with your authenticator app' }).waitFor()
  const uri = new URL(await scanQr(page))
  const secret = uri.searchParams.get('secret') ?? ''
  expect((await page.locator('#secret').textContent())?.replaceAll(' ', '')).toBe(secret)
  expect(secret).not.toBe(ann.secret)
  expect(await page.locator('#codes li').count()).toBe(10)
  await page.getByLabel('Six-digit code').fill('000000')
  await page.getByRole('button', { name: 'Finish' }).click()
  await page.getByRole('alert').filter({ hasText: 'not the code of the new entry' }).waitFor()
  await page.getByLabel('Six-digit code').fill(await currentCode(secret))
  await page.getByRole('button', { name: 'Finish' }).click()
  await page.getByRole('heading', { name: 'Your phone is set up' }).waitFor()
  expect((await server.call('GET', '/user/sessions/ann', token)).body).toEqual([])
  const shown = await server.call('GET', '/user/auth/setup/ann', token)
  expect(shown.body).toMatchObject({ secret })
  expect(opened.pageErrors).toEqual([])
})

test('rejects a code of the old phone, and accepts a trailing slash and a link in an open tab', async () => {
  const cat = await server.createUser('cat', 'viewer')
  const { body } = await server.call('POST', '/user/enrol/cat', token)
  const { url } = body as { url: string }
  await using opened = await openPage('/enrol/')
  const { page } = opened
  await page.getByRole('heading', { name: 'Set up another phone' }).waitFor()
  expect(new URL(page.url()).pathname).toBe('/enrol')
  await page.goto(new URL(url, server.url).href)
  await page.getByRole('button', { name: 'Show secret' }).click()
  await page.getByLabel('Six-digit code').fill(await currentCode(cat.secret))
  await page.getByRole('button', { name: 'Finish' }).click()
  await page.getByRole('alert').filter({ hasText: 'not the code of the new entry' }).waitFor()
  expect((await server.call('GET', '/user/auth/setup/cat', token)).body).toMatchObject({ secret: cat.secret })
  expect(await page.evaluate('document.activeElement.type')).toBe('submit')
  expect(opened.pageErrors).toEqual([])
})

test('explains what to do when a link was already used', async () => {
  await using opened = await openPage(`/enrol#${'0'.repeat(64)}`)
  await opened.page.getByRole('button', { name: 'Show secret' }).click()
  await opened.page.getByRole('alert').filter({ hasText: 'ask the owner for a new one' }).waitFor()
  expect(opened.pageErrors).toEqual([])
})

test('a recovery code sets up another phone on a small dark screen', async () => {
  const { recovery_codes } = await server.createUser('bob', 'viewer')
  await using opened = await openPage('/enrol', { viewport: { width: 360, height: 740 }, colorScheme: 'dark' })
  const { page } = opened
  await page.getByLabel('Username').fill('bob')
  await page.getByLabel('Recovery code').fill(recovery_codes?.[3] ?? '')
  await page.getByRole('button', { name: 'Continue' }).click()
  await page.getByRole('heading', { name: '2. Save these recovery codes' }).waitFor()
  const widths = await page.evaluate('[document.documentElement.scrollWidth, window.innerWidth]')
  expect(widths).toEqual([360, 360])
  const secret = new URL(await scanQr(page)).searchParams.get('secret') ?? ''
  await page.getByLabel('Six-digit code').fill(await currentCode(secret))
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Your phone is set up' }).waitFor()
  expect(opened.pageErrors).toEqual([])
})
