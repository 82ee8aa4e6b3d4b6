import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Browser, Page } from 'playwright-core'
import { until } from '../../scripts/lib/run.ts'
import { launchBrowser } from '../_support/e2e/browser.ts'
import { expectFit, looks, openDashboard, signIn, visit } from '../_support/e2e/dashboard.ts'
import { startEngine, type TestEngine } from '../_support/e2e/engines.ts'
import { type Matrix, startMatrix } from '../_support/e2e/matrix.ts'
import { createTcpProxy } from '../_support/e2e/tcp-proxy.ts'

// What the dashboard shows from within a true droplet: its terminal, its logs, and what it uses.

const BOOT_LIMIT_MS = 60_000

let browser: Browser
let engine: TestEngine
let matrix: Matrix
let token: string
let name: string

beforeAll(async () => {
  browser = await launchBrowser()
  engine = await startEngine('host')
  matrix = await startMatrix({ socket: engine.socket })
  token = await matrix.signIn('owner')
  name = (await matrix.droplets('POST', 'add', token))[0]?.name ?? ''
  await until(BOOT_LIMIT_MS, async () => (await matrix.droplets('GET', 'list', token))[0]?.health === 'ready')
})

afterAll(async () => {
  await browser.close()
  await matrix[Symbol.asyncDispose]()
  await engine.clear()
  await engine.stop()
})

/** @param at where the browser finds the server */
async function openFor(group: 'viewer' | 'manager', options = {}, at: Pick<Matrix, 'url'> = matrix) {
  const opened = await openDashboard(browser, { ...matrix, ...at }, options)
  await signIn(opened.page, await matrix.createUser(`${group}-${crypto.randomUUID().slice(0, 8)}`, group))
  return opened
}
const shell = async (script: string) => {
  const { body } = await matrix.call('POST', `/droplet/exec/${name}`, token, { command: ['sh', '-c', script] })
  return (body as { stdout: string }).stdout
}
/** What stands on the screen of the terminal that is shown. */
const rows = (page: Page) => page.locator('.tab:not([hidden]) .xterm-rows')
const type = async (page: Page, text: string) => {
  await page.keyboard.type(text)
  await page.keyboard.press('Enter')
}
async function openTerminal(page: Page): Promise<void> {
  await visit(page, `droplet/${name}/terminal`, name)
  await rows(page).getByText('root@').first().waitFor()
}

describe('a terminal', () => {
  test('runs top, fits the window, is pasted into, and survives a lost connection', async () => {
    await using way = await createTcpProxy(matrix.url)
    await using opened = await openFor('manager', {}, way)
    const { page, complaints } = opened
    await openTerminal(page)
    await type(page, 'echo size:$(stty size)')
    const wide = /size:(\d+) (\d+)/
    await rows(page).getByText(wide).last().waitFor()
    const columns = async () => Number(/.*size:\d+ (\d+)/s.exec((await rows(page).textContent()) ?? '')?.[1])
    const before = await columns()
    await page.setViewportSize({ width: 800, height: 700 })
    expect(
      await until(10_000, async () => {
        await type(page, 'clear; echo size:$(stty size)')
        return (await columns()) < before
      }),
    ).toBe(true)
    await page.evaluate(
      "document.activeElement.dispatchEvent(new ClipboardEvent('paste', { bubbles: true, clipboardData: (() => { const data = new DataTransfer(); data.setData('text/plain', 'echo pasted-$((40 + 2))\\n'); return data })() }))",
    )
    await page.keyboard.press('Enter')
    await rows(page).getByText('pasted-42').waitFor()
    await type(page, 'top -d 1')
    await rows(page).getByText('load average').waitFor()
    // All connections break, as when a laptop wakes up elsewhere.
    way.cut()
    await page.locator('.tab .end', { hasText: 'trying again' }).waitFor()
    await page.locator('.tab .end', { hasText: 'trying again' }).waitFor({ state: 'detached' })
    await rows(page).getByText('load average').waitFor()
    await page.keyboard.press('q')
    await type(page, 'exit 7')
    await page.locator('.end', { hasText: 'The shell has ended, with exit code 7.' }).waitFor()
    expect(complaints).toEqual([])
  })

  test('stands beside another one, and ends when it is closed', async () => {
    await using opened = await openFor('manager')
    const { page } = opened
    await openTerminal(page)
    await type(page, 'sleep 4731')
    await page.getByRole('button', { name: 'Open another' }).click()
    await rows(page).getByText('root@').first().waitFor()
    await type(page, 'echo second-$((1 + 1))')
    await rows(page).getByText('second-2').waitFor()
    expect(await shell('pgrep -f "sleep 473[1]"; true')).not.toBe('')
    await page.getByRole('tab', { name: 'Terminal 1' }).click()
    await rows(page).getByText('sleep 4731').waitFor()
    await page.getByRole('button', { name: 'Close terminal 1' }).click()
    await rows(page).getByText('second-2').waitFor()
    expect(await until(10_000, async () => (await shell('pgrep -f "sleep 473[1]"; true')) === '')).toBe(true)
  })

  test('is nothing for a viewer', async () => {
    await using opened = await openFor('viewer')
    await visit(opened.page, `droplet/${name}/terminal`, name)
    await opened.page.getByRole('heading', { name: 'Terminals are for managers' }).waitFor()
    expect(await opened.page.getByRole('link', { name: 'Terminal' }).count()).toBe(0)
  })
})

test('logs are followed, searched and saved, and hostile lines are text', async () => {
  await shell("logger -t hostile 'one <img src=x onerror=alert(1)> \u001b[31mred \u202Eturned'")
  await using opened = await openFor('viewer')
  const { page, complaints } = opened
  await visit(page, `droplet/${name}/logs`, name)
  const log = page.getByRole('log')
  await log.getByText('<img src=x onerror=alert(1)> ␛[31mred <U+202E>turned').waitFor()
  expect(await log.locator('*').count()).toBe(0)
  await shell('logger -t told what-comes-later')
  await log.getByText('what-comes-later').waitFor()
  await page.getByPlaceholder('Only lines with…').fill('COMES-later')
  expect((await log.textContent())?.trim().split('\n')).toHaveLength(1)
  const waiting = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Save' }).click()
  const download = await waiting
  expect(download.suggestedFilename()).toBe(`${name}-journal.log`)
  expect(await Bun.file(await download.path()).text()).toMatch(/what-comes-later\n$/)
  await page.getByLabel('Source').selectOption('console')
  // Of a droplet with systemd it says nothing: no terminal is there to say it on.
  await page.getByText('Waiting for the first line…').waitFor()
  expect((await log.textContent())?.trim()).toBe('')
  expect(complaints).toEqual([])
})

test('what it uses is drawn in the list, and over the hour on its page', async () => {
  await shell('timeout 120 sh -c "while :; do :; done" >/dev/null 2>&1 &')
  await using opened = await openFor('viewer')
  const { page, complaints } = opened
  const row = page.locator(`[data-row="${name}"]`)
  await row.locator('.cpu .number', { hasText: /^(?:[2-9]\d|1\d\d)%$/ }).waitFor({ timeout: 30_000 })
  await row.locator('.memory .number', { hasText: /^\d+(?:\.\d)? MB$/ }).waitFor()
  // A line needs two points.
  await row.locator('.cpu path[d*="L"]').waitFor({ state: 'attached' })
  await visit(page, `droplet/${name}`, name)
  await page.getByText(/^\d+% \(at most \d+%\)$/).waitFor({ timeout: 30_000 })
  expect(complaints).toEqual([])
})

test.each(looks)('what is within can be used by everybody, and fits: %s', async (_, options) => {
  await using opened = await openFor('manager', options)
  const { page, complaints } = opened
  await visit(page, `droplet/${name}/logs`, name)
  await page.getByRole('log').getByText('systemd').first().waitFor()
  await expectFit(page)
  await openTerminal(page)
  await expectFit(page)
  await visit(page, `droplet/${name}`, name)
  await page.getByText('Memory').first().waitFor()
  await expectFit(page)
  expect(complaints).toEqual([])
})
