import { expect } from 'bun:test'
import { createRequire } from 'node:module'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { openPage } from './page.ts'
import { type CreatedUser, currentCode, type ServerProcess } from './server-process.ts'

export const desktop: BrowserContextOptions = { viewport: { width: 1280, height: 800 } }
export const phone: BrowserContextOptions = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true }

/** Every page is tested in all of these. */
export const displayVariants = [
  ['desktop, light', { ...desktop, colorScheme: 'light' }],
  ['desktop, dark', { ...desktop, colorScheme: 'dark' }],
  ['phone, light', { ...phone, colorScheme: 'light' }],
  ['phone, dark', { ...phone, colorScheme: 'dark' }],
] as const satisfies [string, BrowserContextOptions][]

export type Credentials = Pick<CreatedUser, 'username' | 'secret'>

/** Opens the dashboard in a new browser context, signed out. */
export const openDashboard = (browser: Browser, server: ServerProcess, options: BrowserContextOptions = desktop) =>
  openPage(browser, server, '/', options)

/** Signs in. The page submits itself once six digits are entered. */
export async function signIn(page: Page, { username, secret }: Credentials): Promise<void> {
  await page.getByLabel('Username').fill(username)
  await page.getByLabel('Code from your authenticator app').fill(await currentCode(secret))
  await page.getByRole('navigation', { name: 'Pages' }).waitFor()
}

/** Navigates to a page of the dashboard. */
export async function visit(page: Page, path: string, heading: string): Promise<void> {
  await page.evaluate(`location.hash = ${JSON.stringify(`#/${path}`)}`)
  await page.getByRole('heading', { level: 1, name: heading }).waitFor()
}

const axeSource = await Bun.file(createRequire(import.meta.url).resolve('axe-core/axe.min.js')).text()

/** Expects no accessibility violation (WCAG 2.2 AA) and no horizontal overflow. */
export async function expectAccessibleLayout(page: Page): Promise<void> {
  await page.evaluate(axeSource)
  const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
  const report = await page.evaluate(
    `axe.run(document, { runOnly: ${JSON.stringify(tags)} }).then(({ violations, passes }) => ({
      passed: passes.length,
      violations: violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html, failureSummary }) => html + ' ' + failureSummary).join(' | ')),
      isTooWide: document.documentElement.scrollWidth > document.documentElement.clientWidth,
    }))`,
  )
  expect(report).toEqual({ passed: expect.any(Number), violations: [], isTooWide: false })
  expect((report as { passed: number }).passed).toBeGreaterThan(10)
}
