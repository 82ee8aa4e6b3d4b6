import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Browser, Page } from 'playwright-core'
import { launchBrowser } from '../testkit/e2e/browser.ts'
import { displayVariants, expectAccessibleLayout, openDashboard, signIn } from '../testkit/e2e/dashboard.ts'
import { currentCode, type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'

let browser: Browser
let server: ServerProcess
let ownerToken: string

beforeAll(async () => {
  browser = await launchBrowser()
  server = await startServerProcess({ socket: '/nonexistent/docker.sock' })
  ownerToken = await server.logInAs('owner')
})

afterAll(async () => {
  await browser.close()
  await server[Symbol.asyncDispose]()
})

const menu = (page: Page) => page.getByRole('navigation', { name: 'Pages' })
const signInHeading = (page: Page) => page.getByRole('heading', { name: 'Sign in' })
const sessionsOf = async (username: string) =>
  (await server.call('GET', `/user/sessions/${username}`, ownerToken)).body as unknown[]

/** Everything that the browser stores beyond the tab's memory, except IndexedDB. */
const browserStorageOf = (page: Page) =>
  page.evaluate('JSON.stringify([location.href, { ...localStorage }, { ...sessionStorage }, document.cookie])')

describe('signing in', () => {
  test.each([
    ['pasted with a space in it', (code: string) => `${code.slice(0, 3)} ${code.slice(3)}`],
    ['part of a sentence', (code: string) => `Your code is ${code}.`],
  ])('submits a code that is %s without a click', async (_, format) => {
    const ann = await server.createUser(`ann-${crypto.randomUUID()}`, 'viewer')
    await using opened = await openDashboard(browser, server)
    const { page, pageErrors } = opened
    await page.getByLabel('Username').fill(ann.username)
    const field = page.getByLabel('Code from your authenticator app')
    expect(await field.getAttribute('autocomplete')).toBe('one-time-code')
    await field.fill(format(await currentCode(ann.secret)))
    await menu(page).waitFor()
    expect(await browserStorageOf(page)).toBe(JSON.stringify([new URL('/', server.url).href, {}, {}, '']))
    expect(pageErrors).toEqual([])
  })

  test('accepts digits one by one and ignores other characters', async () => {
    const bob = await server.createUser('bob', 'viewer')
    await using opened = await openDashboard(browser, server)
    const { page } = opened
    await page.getByLabel('Username').fill('bob')
    const field = page.getByLabel('Code from your authenticator app')
    await field.pressSequentially('12ab')
    expect(await field.inputValue()).toBe('12')
    await field.fill('')
    await field.pressSequentially(await currentCode(bob.secret))
    await menu(page).waitFor()
  })

  test('shows a rejected code, and counts down the lock that follows', async () => {
    await server.createUser('eve', 'viewer')
    await using opened = await openDashboard(browser, server)
    const { page } = opened
    await page.getByLabel('Username').fill('eve')
    const field = page.getByLabel('Code from your authenticator app')
    for (let count = 0; count < 5; count++) {
      await field.fill(`00000${count}`)
      await page.getByRole('alert').filter({ hasText: 'Wrong username or code' }).waitFor()
      expect(await field.inputValue()).toBe('')
    }
    await field.fill('000009')
    await page
      .getByRole('alert')
      .filter({ hasText: /Sign-in is locked. Try again in \d+ s\./ })
      .waitFor()
    expect(await page.getByRole('button', { name: 'Sign in' }).isDisabled()).toBe(true)
    await expectAccessibleLayout(page)
  })

  test.each(displayVariants)('is accessible: %s', async (_, options) => {
    await using opened = await openDashboard(browser, server, options)
    await signInHeading(opened.page).waitFor()
    await expectAccessibleLayout(opened.page)
    expect(opened.pageErrors).toEqual([])
  })
})

describe('a session', () => {
  test('ends with the tab, unless the user chose to be remembered', async () => {
    const users = [await server.createUser('fay', 'viewer'), await server.createUser('gil', 'viewer')] as const
    for (const [index, user] of users.entries()) {
      const isRemembered = index === 1
      await using opened = await openDashboard(browser, server)
      const { page } = opened
      await page.getByLabel('Remember me').setChecked(isRemembered)
      await signIn(page, user)
      await page.reload()
      await (isRemembered ? menu(page) : signInHeading(page)).waitFor()
    }
  })

  test('that is remembered ends with a revoke and leaves nothing behind', async () => {
    const hal = await server.createUser('hal', 'viewer')
    await using opened = await openDashboard(browser, server)
    const { page } = opened
    await page.getByLabel('Remember me').check()
    await signIn(page, hal)
    await server.call('DELETE', '/user/auth/revoke/hal', ownerToken)
    await page.getByText('Your session has ended').waitFor()
    await page.reload()
    await signInHeading(page).waitFor()
    expect(await page.evaluate(rememberedSession)).toBeNull()
  })

  test('ends on the server when the user signs out', async () => {
    const ida = await server.createUser('ida', 'viewer')
    await using opened = await openDashboard(browser, server)
    const { page } = opened
    await signIn(page, ida)
    expect(await sessionsOf('ida')).toHaveLength(1)
    await page.getByRole('button', { name: 'Sign out' }).click()
    await signInHeading(page).waitFor()
    expect(await sessionsOf('ida')).toEqual([])
  })

  test('continues with new tokens when the old one is rejected', async () => {
    const jan = await server.createUser('jan', 'viewer')
    await using opened = await openDashboard(browser, server)
    const { page } = opened
    const requestPaths: string[] = []
    page.on('request', request => requestPaths.push(new URL(request.url()).pathname.replace('/api/v1', '')))
    // Simulates a server whose clock is ahead of the browser's.
    await page.route(
      '**/api/v1/user/me',
      route => route.fulfill({ status: 401, json: { error: 'Access token expired: refresh it', errorId: 909 } }),
      { times: 1 },
    )
    await signIn(page, jan)
    expect(requestPaths.filter(path => path.startsWith('/user/'))).toEqual([
      ...['/user/auth', '/user/me', '/user/auth/refresh', '/user/me'],
    ])
    expect(await sessionsOf('jan')).toHaveLength(1)
  })

  test('shared by several tabs is refreshed by one tab at a time', async () => {
    const kim = await server.createUser('kim', 'viewer')
    await using opened = await openDashboard(browser, server)
    const { page } = opened
    await page.getByLabel('Remember me').check()
    await signIn(page, kim)
    await page.evaluate(expireRemembered)
    // In headless Chromium all tabs are visible, unlike in a real browser.
    await page.context().addInitScript("Object.defineProperty(document, 'visibilityState', { get: () => 'hidden' })")
    const tabs = await Promise.all([1, 2, 3].map(() => page.context().newPage()))
    await Promise.all(tabs.map(tab => tab.goto(new URL('/', server.url).href)))
    for (const tab of tabs) await menu(tab).waitFor()
    expect(await sessionsOf('kim')).toHaveLength(1)
  })
})

test('a changed group takes effect at once', async () => {
  const lea = await server.createUser('lea', 'viewer')
  await using opened = await openDashboard(browser, server)
  const { page } = opened
  await signIn(page, lea)
  expect(await menu(page).getByRole('link').allTextContents()).toEqual(['Droplets', 'Account'])
  await server.runCli('user', 'hand-over', 'lea')
  await menu(page).getByRole('link', { name: 'Users' }).waitFor()
  expect(await menu(page).getByRole('link').allTextContents()).toEqual(['Droplets', 'Users', 'Audit log', 'Account'])
  await server.runCli('user', 'hand-over', 'owner')
  await menu(page).getByRole('link', { name: 'Users' }).waitFor({ state: 'detached' })
})

const openStore = (mode: string, onResult: string) => `new Promise((resolve, reject) => {
  const opening = indexedDB.open('cikit', 1)
  opening.onerror = () => reject(opening.error)
  opening.onsuccess = () => {
    const store = opening.result.transaction('session', '${mode}').objectStore('session')
    const request = store.get('present')
    request.onsuccess = () => { ${onResult} }
  }
})`
const rememberedSession = openStore('readonly', 'resolve(request.result ?? null)')
const expireRemembered = openStore(
  'readwrite',
  "store.put({ ...request.result, accessExpiresAt: 0 }, 'present').onsuccess = () => resolve(true)",
)
