import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Browser, Page } from 'playwright-core'
import { launchBrowser } from '../_support/e2e/browser.ts'
import { expectFit, looks, openDashboard, signIn } from '../_support/e2e/dashboard.ts'
import { currentCode, type Matrix, startMatrix } from '../_support/e2e/matrix.ts'

let browser: Browser
let matrix: Matrix
let ownerToken: string

beforeAll(async () => {
  browser = await launchBrowser()
  matrix = await startMatrix({ socket: '/nonexistent/docker.sock' })
  ownerToken = await matrix.signIn('owner')
})

afterAll(async () => {
  await browser.close()
  await matrix[Symbol.asyncDispose]()
})

const menu = (page: Page) => page.getByRole('navigation', { name: 'Pages' })
const form = (page: Page) => page.getByRole('heading', { name: 'Sign in' })
const sessionsOf = async (username: string) =>
  (await matrix.call('GET', `/user/sessions/${username}`, ownerToken)).body as unknown[]

/** All that the browser keeps beyond the tab's memory, but for IndexedDB. */
const keptOf = (page: Page) =>
  page.evaluate('JSON.stringify([location.href, { ...localStorage }, { ...sessionStorage }, document.cookie])')

describe('signing in', () => {
  test.each([
    ['pasted with a blank in it', (code: string) => `${code.slice(0, 3)} ${code.slice(3)}`],
    ['filled in with words around it', (code: string) => `Your code is ${code}.`],
  ])('goes on by itself with a code that is %s', async (_, written) => {
    const ann = await matrix.createUser(`ann-${crypto.randomUUID()}`, 'viewer')
    await using opened = await openDashboard(browser, matrix)
    const { page, complaints } = opened
    await page.getByLabel('Name').fill(ann.username)
    const field = page.getByLabel('Code from your phone')
    expect(await field.getAttribute('autocomplete')).toBe('one-time-code')
    await field.fill(written(await currentCode(ann.secret)))
    await menu(page).waitFor()
    expect(await keptOf(page)).toBe(JSON.stringify([new URL('/', matrix.url).href, {}, {}, '']))
    expect(complaints).toEqual([])
  })

  test('digit by digit, and what is no digit is not taken', async () => {
    const bob = await matrix.createUser('bob', 'viewer')
    await using opened = await openDashboard(browser, matrix)
    const { page } = opened
    await page.getByLabel('Name').fill('bob')
    const field = page.getByLabel('Code from your phone')
    await field.pressSequentially('12ab')
    expect(await field.inputValue()).toBe('12')
    await field.fill('')
    await field.pressSequentially(await currentCode(bob.secret))
    await menu(page).waitFor()
  })

  test('that is refused is told, and the lock that follows counts down', async () => {
    await matrix.createUser('eve', 'viewer')
    await using opened = await openDashboard(browser, matrix)
    const { page } = opened
    await page.getByLabel('Name').fill('eve')
    const field = page.getByLabel('Code from your phone')
    for (let count = 0; count < 5; count++) {
      await field.fill(`00000${count}`)
      await page.getByRole('alert').filter({ hasText: 'Wrong username or code' }).waitFor()
      expect(await field.inputValue()).toBe('')
    }
    await field.fill('000009')
    await page
      .getByRole('alert')
      .filter({ hasText: /Locked: try again in \d+ s\./ })
      .waitFor()
    expect(await page.getByRole('button', { name: 'Sign in' }).isDisabled()).toBe(true)
    await expectFit(page)
  })

  test.each(looks)('can be used by everybody: %s', async (_, options) => {
    await using opened = await openDashboard(browser, matrix, options)
    await form(opened.page).waitFor()
    await expectFit(opened.page)
    expect(opened.complaints).toEqual([])
  })
})

describe('a session', () => {
  test('is gone with the tab, unless the person wants to be remembered', async () => {
    const users = [await matrix.createUser('fay', 'viewer'), await matrix.createUser('gil', 'viewer')] as const
    for (const [index, user] of users.entries()) {
      const isRemembered = index === 1
      await using opened = await openDashboard(browser, matrix)
      const { page } = opened
      await page.getByLabel('Remember me').setChecked(isRemembered)
      await signIn(page, user)
      await page.reload()
      await (isRemembered ? menu(page) : form(page)).waitFor()
    }
  })

  test('that is remembered ends with a revoke, and nothing of it is left', async () => {
    const hal = await matrix.createUser('hal', 'viewer')
    await using opened = await openDashboard(browser, matrix)
    const { page } = opened
    await page.getByLabel('Remember me').check()
    await signIn(page, hal)
    await matrix.call('DELETE', '/user/auth/revoke/hal', ownerToken)
    await page.getByText('Your session has ended').waitFor()
    await page.reload()
    await form(page).waitFor()
    expect(await page.evaluate(rememberedSession)).toBeNull()
  })

  test('ends on the server when its person signs out', async () => {
    const ida = await matrix.createUser('ida', 'viewer')
    await using opened = await openDashboard(browser, matrix)
    const { page } = opened
    await signIn(page, ida)
    expect(await sessionsOf('ida')).toHaveLength(1)
    await page.getByRole('button', { name: 'Sign out' }).click()
    await form(page).waitFor()
    expect(await sessionsOf('ida')).toEqual([])
  })

  test('goes on with new tokens when the old one is refused in the middle of work', async () => {
    const jan = await matrix.createUser('jan', 'viewer')
    await using opened = await openDashboard(browser, matrix)
    const { page } = opened
    const asked: string[] = []
    page.on('request', request => asked.push(new URL(request.url()).pathname.replace('/api/v1', '')))
    // As a server answers whose clock is ahead of the browser's.
    await page.route(
      '**/api/v1/user/me',
      route => route.fulfill({ status: 401, json: { error: 'Access token expired: refresh it', errorId: 909 } }),
      { times: 1 },
    )
    await signIn(page, jan)
    expect(asked.filter(path => path.startsWith('/user/'))).toEqual([
      ...['/user/auth', '/user/me', '/user/auth/refresh', '/user/me'],
    ])
    expect(await sessionsOf('jan')).toHaveLength(1)
  })

  test('of two tabs that remember it is refreshed by one at a time', async () => {
    const kim = await matrix.createUser('kim', 'viewer')
    await using opened = await openDashboard(browser, matrix)
    const { page } = opened
    await page.getByLabel('Remember me').check()
    await signIn(page, kim)
    await page.evaluate(expireRemembered)
    // Of the tabs of a browser one is looked at; here they all would be.
    await page.context().addInitScript("Object.defineProperty(document, 'visibilityState', { get: () => 'hidden' })")
    const tabs = await Promise.all([1, 2, 3].map(() => page.context().newPage()))
    await Promise.all(tabs.map(tab => tab.goto(new URL('/', matrix.url).href)))
    for (const tab of tabs) await menu(tab).waitFor()
    expect(await sessionsOf('kim')).toHaveLength(1)
  })
})

test('who is in another group now sees at once what that one may', async () => {
  const lea = await matrix.createUser('lea', 'viewer')
  await using opened = await openDashboard(browser, matrix)
  const { page } = opened
  await signIn(page, lea)
  expect(await menu(page).getByRole('link').allTextContents()).toEqual(['Droplets', 'Me'])
  await matrix.cli('user', 'hand-over', 'lea')
  await menu(page).getByRole('link', { name: 'People' }).waitFor()
  expect(await menu(page).getByRole('link').allTextContents()).toEqual(['Droplets', 'People', 'Audit', 'Me'])
  await matrix.cli('user', 'hand-over', 'owner')
  await menu(page).getByRole('link', { name: 'People' }).waitFor({ state: 'detached' })
})

const openStore = (mode: string, question: string) => `new Promise((resolve, reject) => {
  const opening = indexedDB.open('cikit', 1)
  opening.onerror = () => reject(opening.error)
  opening.onsuccess = () => {
    const store = opening.result.transaction('session', '${mode}').objectStore('session')
    const asked = store.get('present')
    asked.onsuccess = () => { ${question} }
  }
})`
const rememberedSession = openStore('readonly', 'resolve(asked.result ?? null)')
const expireRemembered = openStore(
  'readwrite',
  "store.put({ ...asked.result, accessExpiresAt: 0 }, 'present').onsuccess = () => resolve(true)",
)
