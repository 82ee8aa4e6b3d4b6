import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import type { Browser, Page } from 'playwright-core'
import { STEP_MS, waitForStepWith } from '../testkit/auth/time-step.ts'
import { codeAt } from '../testkit/auth/totp.ts'
import { HOST_KEY } from '../testkit/droplets/droplet.ts'
import { launchBrowser } from '../testkit/e2e/browser.ts'
import {
  type Credentials,
  desktop,
  displayVariants,
  expectAccessibleLayout,
  openDashboard,
  phone,
  signIn,
  visit,
} from '../testkit/e2e/dashboard.ts'
import { SMALL_IMAGE, startEngine, type TestEngine } from '../testkit/e2e/engines.ts'
import { scanPicture } from '../testkit/e2e/qr.ts'
import { currentCode, type ServerProcess, startServerProcess } from '../testkit/e2e/server-process.ts'
import { timed } from '../testkit/timed.ts'

// The dashboard of the compiled binary in a browser, with a real engine.

let browser: Browser
let engine: TestEngine
let server: ServerProcess
let ownerToken: string
let owner: Credentials

beforeAll(async () => {
  browser = await launchBrowser()
  engine = await startEngine('host')
  server = await startServerProcess({ socket: engine.socket, flags: ['--image', SMALL_IMAGE] })
  owner = await server.createUser('owner', 'owner')
  ownerToken = (await server.logIn(owner)).access_token
})

afterAll(async () => {
  await browser.close()
  await server[Symbol.asyncDispose]()
  await engine.removeContainers()
  await engine.stop()
})

beforeEach(async () => {
  for (const { name } of await server.callDroplets('GET', 'list', ownerToken)) {
    await server.callDroplets('DELETE', `delete/${name}`, ownerToken)
  }
})

/** @returns the name, which may skip a number if one of its ports is in use by a connection */
async function addDroplet(): Promise<string> {
  const [newest] = await server.callDroplets('POST', 'add', ownerToken)
  return newest?.name ?? ''
}
/** Oldest first. */
const addThreeDroplets = async () => [await addDroplet(), await addDroplet(), await addDroplet()] as const
const createUser = (group: 'viewer' | 'manager') =>
  server.createUser(`${group}-${crypto.randomUUID().slice(0, 8)}`, group)
const row = (page: Page, name: string) => page.locator(`[data-row="${name}"]`)
const waitForState = (page: Page, name: string, state: string) => row(page, name).getByText(state).waitFor()

/** Opens the dashboard and signs in as a new user of this group. */
async function openFor(group: 'viewer' | 'manager', options = desktop) {
  const opened = await openDashboard(browser, server, options)
  await signIn(opened.page, await createUser(group))
  return opened
}

/** Opens the dashboard as the owner with the token of an existing session, since each code is valid only once. */
async function openAsOwner(options = desktop) {
  const opened = await openDashboard(browser, server, options)
  await server.runCli('user', 'unlock', 'owner')
  await opened.page.route('**/api/v1/user/auth', async route => {
    const tokens = { token_type: 'Bearer', expires_in: 7200, access_token: ownerToken, refresh_token: '0'.repeat(64) }
    await route.fulfill({ status: 200, json: tokens })
  })
  await signIn(opened.page, owner)
  return opened
}

describe.each([
  ['a desktop', desktop],
  ['a phone', phone],
])('on %s', (_, options) => {
  test('a manager adds, stops, starts, restarts and deletes a droplet', async () => {
    await using opened = await openFor('manager', options)
    const { page, pageErrors } = opened
    await page.getByRole('heading', { name: 'No droplets yet' }).waitFor()
    await page.getByRole('button', { name: 'Add' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Add' }).click()
    await page.getByRole('button', { name: /^Stop cikit/ }).waitFor()
    const [{ name } = { name: '' }] = await server.callDroplets('GET', 'list', ownerToken)
    await row(page, name)
      .getByRole('button', { name: `Stop ${name}` })
      .click()
    await waitForState(page, name, 'Stopped')
    await row(page, name)
      .getByRole('button', { name: `Start ${name}` })
      .click()
    await row(page, name)
      .getByRole('button', { name: `Restart ${name}` })
      .click()
    await page.getByRole('button', { name: `Delete ${name}` }).click()
    const confirmation = page.getByRole('dialog')
    await confirmation.getByRole('textbox').fill(`${name}0`)
    expect(await confirmation.getByRole('button', { name: 'Delete' }).isDisabled()).toBe(true)
    await confirmation.getByRole('textbox').fill(name)
    await confirmation.getByRole('button', { name: 'Delete' }).click()
    await page.getByRole('heading', { name: 'No droplets yet' }).waitFor()
    expect(await server.callDroplets('GET', 'list', ownerToken)).toEqual([])
    expect(pageErrors).toEqual([])
  })

  test('a viewer sees droplets but no controls to change them', async () => {
    const name = await addDroplet()
    await using opened = await openFor('viewer', options)
    const { page, pageErrors } = opened
    await row(page, name)
      .getByRole('link', { name: `80${name.slice(-2)}` })
      .waitFor()
    expect(await row(page, name).getByRole('button').allTextContents()).toEqual(['SSH'])
    expect(await page.getByRole('checkbox').count()).toBe(0)
    expect(await page.getByRole('button', { name: 'Add' }).count()).toBe(0)
    for (const path of ['users', 'audit']) {
      await page.evaluate(`location.hash = '#/${path}'`)
      await page.getByRole('heading', { name: 'Only the owner can see this page' }).waitFor()
    }
    expect(pageErrors).toEqual([])
  })
})

test('a change in one browser appears in another within a second, with its steps', async () => {
  const name = await addDroplet()
  await using first = await openFor('manager')
  await using second = await openFor('manager')
  await row(second.page, name).waitFor()
  const steps: string[] = []
  await second.page.exposeFunction('recordStep', (text: string) => steps.push(text))
  await second.page.evaluate(
    "new MutationObserver(() => { for (const step of document.querySelectorAll('.progress li')) recordStep(step.textContent) }).observe(document.body, { childList: true, subtree: true, characterData: true })",
  )
  await row(first.page, name)
    .getByRole('button', { name: `Stop ${name}` })
    .click()
  await waitForState(first.page, name, 'Stopped')
  const { ms } = await timed(waitForState(second.page, name, 'Stopped'))
  expect(ms).toBeLessThan(1_000)
  expect(steps).toContain('stop')
})

test('droplets can be searched, sorted and navigated by keyboard', async () => {
  const [oldest, middle, newest] = await addThreeDroplets()
  await server.callDroplets('PATCH', `stop/${middle}`, ownerToken)
  await using opened = await openFor('viewer')
  const { page } = opened
  const names = () => page.locator('[data-row] .name').allTextContents()
  await row(page, newest).waitFor()
  expect(await names()).toEqual([newest, middle, oldest])
  await page.getByRole('button', { name: 'Name' }).click()
  expect(await names()).toEqual([oldest, middle, newest])
  await page.getByRole('button', { name: 'Name' }).click()
  expect(await names()).toEqual([newest, middle, oldest])
  await page.keyboard.press('/')
  await page.keyboard.type('stopped')
  expect(await names()).toEqual([middle])
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { level: 1, name: middle }).waitFor()
  await page.keyboard.press('?')
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).getByText('Show keyboard shortcuts').waitFor()
  await page.keyboard.press('Escape')
  expect(await page.getByRole('dialog').count()).toBe(0)
})

test('selected droplets are stopped and started together', async () => {
  const [oldest, middle, newest] = await addThreeDroplets()
  await using opened = await openFor('manager')
  const { page } = opened
  for (const name of [oldest, newest]) await page.getByLabel(`Select ${name}`).check()
  await page.getByRole('button', { name: 'Stop 2' }).click()
  for (const name of [oldest, newest]) await waitForState(page, name, 'Stopped')
  await page.getByRole('button', { name: 'Start 2' }).click()
  for (const name of [oldest, newest])
    await row(page, name)
      .getByRole('button', { name: `Stop ${name}` })
      .waitFor()
  const states = (await server.callDroplets('GET', 'list', ownerToken)).map(({ name, state }) => `${name} ${state}`)
  expect(states.sort()).toEqual([oldest, middle, newest].map(name => `${name} running`).sort())
})

test('copies the ssh command verbatim', async () => {
  const name = await addDroplet()
  await using opened = await openFor('viewer', { ...desktop, permissions: ['clipboard-read', 'clipboard-write'] })
  const { page } = opened
  await page.getByRole('button', { name: `Copy the SSH command for ${name}` }).click()
  await page.getByText(`Copied the SSH command for ${name}.`).waitFor({ state: 'attached' })
  expect(await page.evaluate('navigator.clipboard.readText()')).toBe(`ssh -p 22${name.slice(-2)} root@matrix.test`)
})

test('the page of a droplet shows its details, its activity and, to the owner, its audit log', async () => {
  const name = await addDroplet()
  await server.callDroplets('PATCH', `stop/${name}`, ownerToken)
  await using opened = await openAsOwner()
  const { page, pageErrors } = opened
  await visit(page, `droplet/${name}`, name)
  await page.getByText(`${name}.matrix.test`).waitFor()
  const newest = page.locator('.activity li:first-child')
  await newest.filter({ hasText: 'stop done' }).waitFor()
  await page.locator('.audit-trail tbody tr', { hasText: 'droplet.stop' }).first().waitFor()
  await page.getByRole('button', { name: `Start ${name}` }).click()
  await newest.filter({ hasText: 'start done' }).waitFor()
  await page.getByRole('link', { name: `http://matrix.test:80${name.slice(-2)}/` }).waitFor()
  expect(pageErrors).toEqual([])
})

test('a failed operation shows the message of the server to the user who started it', async () => {
  const name = await addDroplet()
  await using opened = await openFor('manager')
  const { page } = opened
  const stop = row(page, name).getByRole('button', { name: `Stop ${name}` })
  await stop.waitFor()
  await page.route(`**/droplet/stop/${name}`, route => route.continue({ url: `${server.url}/droplet/stop/cikit99` }))
  await stop.click()
  await page.getByRole('list', { name: 'Notifications' }).getByText('No such container: cikit99').waitFor()
})

test('the owner adds a user with an enrolment link and deletes the user', async () => {
  await using opened = await openAsOwner()
  const { page, pageErrors } = opened
  await visit(page, 'users', 'Users')
  await page.getByRole('button', { name: 'Add' }).click()
  await page.getByLabel('Username').fill('zoe')
  await page.getByRole('dialog').getByLabel('Group').selectOption('manager')
  await page.getByRole('dialog').getByRole('button', { name: 'Add' }).click()
  const dialog = page.getByRole('dialog', { name: 'Enrolment link for zoe' })
  const link = (await dialog.locator('code').textContent()) ?? ''
  expect(link).toMatch(new RegExp(`^${new URL('/enrol#', server.url).href}[0-9a-f]{64}$`))
  expect(await scanPicture(await dialog.getByRole('img').screenshot(), 'png')).toBe(link)
  const { body } = await server.call('POST', '/user/auth/enrol', undefined, { enrolment_token: link.split('#')[1] })
  const { secret } = body as { secret: string }
  await server.call('POST', '/user/auth', undefined, { username: 'zoe', code: await currentCode(secret) })
  await dialog.getByRole('button', { name: 'Close' }).last().click()
  await page.getByLabel('Group of zoe').selectOption('viewer')
  await page.getByText('zoe is now a viewer.').waitFor({ state: 'attached' })
  await page.getByRole('button', { name: 'Sign out zoe everywhere' }).click()
  await page.getByText('zoe is signed out everywhere.').waitFor()
  expect((await server.call('GET', '/user/sessions/zoe', ownerToken)).body).toEqual([])
  await page.getByRole('button', { name: 'Delete zoe' }).click()
  await page.getByRole('dialog').getByRole('textbox').fill('zoe')
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
  await page.getByRole('button', { name: 'Delete zoe' }).waitFor({ state: 'detached' })
  expect(await server.usernames(ownerToken)).not.toContain('zoe')
  expect(pageErrors).toEqual([])
})

test('the owner reads and downloads the audit log, and hostile values stay text', async () => {
  const hostile = '<img src=x onerror=alert(1)>\u202E\u001b[31m'
  await server.call('GET', `/user/sessions/${encodeURIComponent(hostile)}`, await server.logInAs('viewer', 'mallory'))
  await using opened = await openAsOwner()
  const { page, pageErrors } = opened
  await visit(page, 'audit', 'Audit log')
  await page.getByLabel('User', { exact: true }).fill('mallory')
  await page.getByRole('button', { name: 'Apply' }).click()
  await page.locator('.target', { hasText: '<img src=x onerror=alert(1)>' }).waitFor()
  expect(await page.locator('table img').count()).toBe(0)
  const downloading = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Download CSV' }).click()
  const saved = await Bun.file(await (await downloading).path()).text()
  expect(saved.split('\r\n')[0]).toBe('id,time,user,address,action,target,result,error_id,count')
  expect(saved).toContain('mallory')
  expect(saved).not.toContain('owner')
  expect(pageErrors).toEqual([])
})

test('the audit log updates live until the owner turns it off', async () => {
  await using opened = await openAsOwner()
  const { page, pageErrors } = opened
  await visit(page, 'audit', 'Audit log')
  await page.locator('tbody tr').first().waitFor()
  const added = await createUser('viewer')
  await page.locator('tbody tr', { hasText: added.username }).first().waitFor()
  await page.getByLabel('Follow').uncheck()
  const unseen = await createUser('viewer')
  const seen = await createUser('viewer')
  await page.getByLabel('User', { exact: true }).fill('')
  expect(await page.locator('tbody tr', { hasText: unseen.username }).count()).toBe(0)
  await page.getByLabel('Follow').check()
  await page.locator('tbody tr', { hasText: seen.username }).first().waitFor()
  await page.locator('tbody tr', { hasText: unseen.username }).first().waitFor()
  expect(pageErrors).toEqual([])
})

test('a user manages SSH keys and creates new recovery codes', async () => {
  const kim = await server.createUser('kim', 'manager')
  await using opened = await openDashboard(browser, server)
  const { page, pageErrors } = opened
  // Each code is valid once, so the sign-in uses the previous step's code, which is valid until this step ends.
  await waitForStepWith(10_000)
  await page.getByLabel('Username').fill('kim')
  await page.getByLabel('Code from your authenticator app').fill(codeAt(kim.secret, Date.now() - STEP_MS))
  await visit(page, 'account', 'Account')
  await page.getByLabel('Public key').fill('no key')
  await page.getByRole('button', { name: 'Add key' }).click()
  await page.getByRole('alert').getByText('is not a valid SSH public key').waitFor()
  await page.getByLabel('Public key').fill(`${HOST_KEY.key} kim@laptop`)
  await page.getByRole('button', { name: 'Add key' }).click()
  await page.getByText(HOST_KEY.fingerprint).waitFor()
  await page.getByRole('button', { name: 'Remove key kim@laptop' }).click()
  await page.getByText(HOST_KEY.fingerprint).waitFor({ state: 'detached' })

  await page.getByRole('button', { name: 'New recovery codes' }).click()
  const dialog = page.getByRole('dialog', { name: 'New recovery codes' })
  await dialog.getByLabel('Code from your authenticator app').fill(codeAt(kim.secret, Date.now()))
  await dialog.getByRole('button', { name: 'Create new codes' }).click()
  const codes = ((await dialog.locator('.codes').textContent()) ?? '').split('\n')
  expect(codes).toHaveLength(10)
  await expectAccessibleLayout(page)
  await dialog.getByRole('button', { name: "I've saved them" }).click()
  const recover = (recovery_code: string | undefined) =>
    server.call('POST', '/user/auth/recover', undefined, { username: 'kim', recovery_code })
  expect((await recover(kim.recovery_codes?.[0])).status).toBe(400)
  expect((await recover(codes[0])).status).toBe(200)
  expect(pageErrors).toEqual([])
})

test('a user lists sessions and ends another one', async () => {
  const nik = await server.createUser('nik', 'viewer')
  // Each code is valid once: this login uses the previous step's code, the browser the current one.
  const code = codeAt(nik.secret, Date.now() - STEP_MS)
  expect((await server.call('POST', '/user/auth', undefined, { username: 'nik', code })).status).toBe(200)
  await using opened = await openDashboard(browser, server)
  const { page } = opened
  await signIn(page, nik)
  await visit(page, 'account', 'Account')
  await page.getByText('this session').waitFor()
  await page.getByRole('button', { name: /^End session of Bun/ }).click()
  await page.getByText('Session ended.').waitFor()
  expect((await server.call('GET', '/user/sessions/nik', ownerToken)).body).toHaveLength(1)
})

test.each(displayVariants)('every page is accessible and fits the window: %s', async (_, options) => {
  const name = await addDroplet()
  await using opened = await openAsOwner(options)
  const { page, pageErrors } = opened
  await row(page, name).waitFor()
  await expectAccessibleLayout(page)
  for (const [path, heading] of [
    [`droplet/${name}`, name],
    ['users', 'Users'],
    ['audit', 'Audit log'],
    ['account', 'Account'],
    ['nowhere', 'Page not found'],
  ] as const) {
    await visit(page, path, heading)
    await page.locator('[aria-busy]').waitFor({ state: 'detached' })
    await expectAccessibleLayout(page)
  }
  expect(pageErrors).toEqual([])
})

test('shows a lost engine, keeps the last known state and recovers automatically', async () => {
  const name = await addDroplet()
  await using opened = await openFor('manager')
  const { page } = opened
  await row(page, name).waitFor()
  await engine.stop()
  await page.getByText('The container engine cannot be reached').waitFor()
  expect(await row(page, name).count()).toBe(1)
  await expectAccessibleLayout(page)
  engine = await startEngine('host')
  await page.getByText('The container engine cannot be reached').waitFor({ state: 'detached' })
  // `startEngine` removes all containers.
  await page.getByRole('heading', { name: 'No droplets yet' }).waitFor()
})
