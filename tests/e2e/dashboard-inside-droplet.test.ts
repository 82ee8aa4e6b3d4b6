import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Browser, Page } from 'playwright-core'
import { pollUntil } from '../../scripts/lib/run.ts'
import { launchBrowser } from '../testkit/e2e/browser.ts'
import { displayVariants, expectAccessibleLayout, openDashboard, signIn, visit } from '../testkit/e2e/dashboard.ts'
import { startEngine, type TestEngine } from '../testkit/e2e/engines.ts'
import { type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'
import { createTcpProxy } from '../testkit/e2e/tcp-proxy.ts'
import { waitUntil } from '../testkit/wait-until.ts'

// Terminal, logs and usage of a real droplet in the dashboard.

const BOOT_LIMIT_MS = 60_000

let browser: Browser
let engine: TestEngine
let server: ServerProcess
let token: string
let name: string

beforeAll(async () => {
  browser = await launchBrowser()
  engine = await startEngine('host')
  server = await startServerProcess({ socket: engine.socket })
  token = await server.logInAs('owner')
  name = (await server.callDroplets('POST', 'add', token))[0]?.name ?? ''
  const isReady = async () => (await server.callDroplets('GET', 'list', token))[0]?.health === 'ready'
  await waitUntil(isReady, { timeoutMs: BOOT_LIMIT_MS, what: 'the droplet to boot' })
})

afterAll(async () => {
  await browser.close()
  await server[Symbol.asyncDispose]()
  await engine.removeContainers()
  await engine.stop()
})

/** @param target the URL that the browser uses */
async function openFor(group: 'viewer' | 'manager', options = {}, target: Pick<ServerProcess, 'url'> = server) {
  const opened = await openDashboard(browser, { ...server, ...target }, options)
  await signIn(opened.page, await server.createUser(`${group}-${crypto.randomUUID().slice(0, 8)}`, group))
  return opened
}
const runShell = async (script: string) => {
  const { body } = await server.call('POST', `/droplet/exec/${name}`, token, { command: ['sh', '-c', script] })
  return (body as { stdout: string }).stdout
}
/** The rows of the visible terminal. */
const terminalRows = (page: Page) => page.locator('.tab:not([hidden]) .xterm-rows')
const typeLine = async (page: Page, text: string) => {
  await page.keyboard.type(text)
  await page.keyboard.press('Enter')
}
const waitForPrompt = (page: Page) => terminalRows(page).getByText('root@').first().waitFor()
async function openTerminal(page: Page): Promise<void> {
  await visit(page, `droplet/${name}/terminal`, name)
  await waitForPrompt(page)
}

describe('a terminal', () => {
  test('runs top, fits the window, accepts pasted text and survives a lost connection', async () => {
    await using proxy = await createTcpProxy(server.url)
    await using opened = await openFor('manager', {}, proxy)
    const { page, pageErrors } = opened
    await openTerminal(page)
    await typeLine(page, 'echo size:$(stty size)')
    const sizePattern = /size:(\d+) (\d+)/
    await terminalRows(page).getByText(sizePattern).last().waitFor()
    const columns = async () => Number(/.*size:\d+ (\d+)/s.exec((await terminalRows(page).textContent()) ?? '')?.[1])
    const before = await columns()
    await page.setViewportSize({ width: 800, height: 700 })
    expect(
      await pollUntil(10_000, async () => {
        await typeLine(page, 'clear; echo size:$(stty size)')
        return (await columns()) < before
      }),
    ).toBe(true)
    await page.evaluate(
      "document.activeElement.dispatchEvent(new ClipboardEvent('paste', { bubbles: true, clipboardData: (() => { const data = new DataTransfer(); data.setData('text/plain', 'echo pasted-$((40 + 2))\\n'); return data })() }))",
    )
    await page.keyboard.press('Enter')
    await terminalRows(page).getByText('pasted-42').waitFor()
    await typeLine(page, 'top -d 1')
    await terminalRows(page).getByText('load average').waitFor()
    // All connections break, as when a laptop moves to another network.
    proxy.dropConnections()
    await page.locator('.tab .terminal-status', { hasText: 'Reconnecting' }).waitFor()
    await page.locator('.tab .terminal-status', { hasText: 'Reconnecting' }).waitFor({ state: 'detached' })
    await terminalRows(page).getByText('load average').waitFor()
    await page.keyboard.press('q')
    // At its end top discards input that the shell has not read yet.
    await waitForPrompt(page)
    await typeLine(page, 'exit 7')
    await page.locator('.terminal-status', { hasText: 'The shell exited with code 7.' }).waitFor()
    expect(pageErrors).toEqual([])
  })

  test('runs beside another terminal and ends when it is closed', async () => {
    await using opened = await openFor('manager')
    const { page } = opened
    await openTerminal(page)
    await typeLine(page, 'sleep 4731')
    await page.getByRole('button', { name: 'New terminal' }).click()
    await waitForPrompt(page)
    await typeLine(page, 'echo second-$((1 + 1))')
    await terminalRows(page).getByText('second-2').waitFor()
    expect(await runShell('pgrep -f "sleep 473[1]"; true')).not.toBe('')
    await page.getByRole('tab', { name: 'Terminal 1' }).click()
    await terminalRows(page).getByText('sleep 4731').waitFor()
    await page.getByRole('button', { name: 'Close terminal 1' }).click()
    await terminalRows(page).getByText('second-2').waitFor()
    expect(await pollUntil(10_000, async () => (await runShell('pgrep -f "sleep 473[1]"; true')) === '')).toBe(true)
  })

  test('is not available to a viewer', async () => {
    await using opened = await openFor('viewer')
    await visit(opened.page, `droplet/${name}/terminal`, name)
    await opened.page.getByRole('heading', { name: 'Terminals need the manager role' }).waitFor()
    expect(await opened.page.getByRole('link', { name: 'Terminal' }).count()).toBe(0)
  })
})

test('logs can be followed, filtered and downloaded, and hostile lines stay text', async () => {
  await runShell("logger -t hostile 'one <img src=x onerror=alert(1)> \u001b[31mred \u202Eturned'")
  await using opened = await openFor('viewer')
  const { page, pageErrors } = opened
  await visit(page, `droplet/${name}/logs`, name)
  const log = page.getByRole('log')
  await log.getByText('<img src=x onerror=alert(1)> ␛[31mred <U+202E>turned').waitFor()
  expect(await log.locator('*').count()).toBe(0)
  await runShell('logger -t test what-comes-later')
  await log.getByText('what-comes-later').waitFor()
  await page.getByPlaceholder('Filter lines').fill('COMES-later')
  expect((await log.textContent())?.trim().split('\n')).toHaveLength(1)
  const downloading = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Download' }).click()
  const download = await downloading
  expect(download.suggestedFilename()).toBe(`${name}-journal.log`)
  expect(await Bun.file(await download.path()).text()).toMatch(/what-comes-later\n$/)
  await page.getByLabel('Source').selectOption('console')
  // systemd prints nothing to the console without a terminal.
  await page.getByText('Waiting for the first line…').waitFor()
  expect((await log.textContent())?.trim()).toBe('')
  expect(pageErrors).toEqual([])
})

test('usage is drawn in the list, and for the last hour on the droplet page', async () => {
  await runShell('timeout 120 sh -c "while :; do :; done" >/dev/null 2>&1 &')
  await using opened = await openFor('viewer')
  const { page, pageErrors } = opened
  const row = page.locator(`[data-row="${name}"]`)
  await row.locator('.cpu .number', { hasText: /^(?:[2-9]\d|1\d\d)%$/ }).waitFor({ timeout: 30_000 })
  await row.locator('.memory .number', { hasText: /^\d+(?:\.\d)? MB$/ }).waitFor()
  // A line needs two points.
  await row.locator('.cpu path[d*="L"]').waitFor({ state: 'attached' })
  await visit(page, `droplet/${name}`, name)
  await page.getByText(/^\d+% \(peak \d+%\)$/).waitFor({ timeout: 30_000 })
  expect(pageErrors).toEqual([])
})

test.each(displayVariants)('the pages of a droplet are accessible and fit the window: %s', async (_, options) => {
  await using opened = await openFor('manager', options)
  const { page, pageErrors } = opened
  await visit(page, `droplet/${name}/logs`, name)
  await page.getByRole('log').getByText('systemd').first().waitFor()
  await expectAccessibleLayout(page)
  await openTerminal(page)
  await expectAccessibleLayout(page)
  await visit(page, `droplet/${name}`, name)
  await page.getByText('Memory').first().waitFor()
  await expectAccessibleLayout(page)
  expect(pageErrors).toEqual([])
})
