import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { launchBrowser } from '../tests/testkit/e2e/browser.ts'
import { displayVariants, openDashboard, visit } from '../tests/testkit/e2e/dashboard.ts'
import { startEngine } from '../tests/testkit/e2e/engines.ts'
import { prepareEngines } from '../tests/testkit/e2e/prepare-engines.ts'
import { currentCode, type ServerProcess, startServerProcess } from '../tests/testkit/e2e/server-process.ts'
import { enginePackages, installPackages } from './lib/debian.ts'
import { root } from './lib/paths.ts'
import { logStep, runScript } from './lib/terminal.ts'

// Creates docs/screenshots: every page of the dashboard in dist/cikit-api, with real droplets on a test engine.

/** How long usage is sampled before the first screenshot, so that the charts show something. */
const SAMPLING_MS = 90_000
const dir = join(root, 'docs/screenshots')

await runScript(async () => {
  mkdirSync(dir, { recursive: true })
  await installPackages([...enginePackages, 'chromium', 'oathtool'])
  await prepareEngines()
  const engine = await startEngine('host')
  try {
    await using server = await startServerProcess({ socket: engine.socket })
    await takeScreenshots(server)
  } finally {
    await engine.removeContainers()
    await engine.stop()
  }
})

async function takeScreenshots(server: ServerProcess): Promise<void> {
  const owner = await server.createUser('owner', 'owner')
  const tokens = await server.logIn(owner)
  const token = tokens.access_token
  for (const [username, group] of [
    ['ann', 'manager'],
    ['bob', 'viewer'],
  ]) {
    await server.call('POST', '/user/add', token, { username, group })
  }
  for (let count = 0; count < 6; count++) await server.callDroplets('POST', 'add', token)
  const names = (await server.callDroplets('GET', 'list', token)).map(({ name }) => name).sort()
  const [first = '', second = '', ...others] = names
  await server.callDroplets('PATCH', `stop/${second}`, token)
  const run = (name: string, script: string) =>
    server.call('POST', `/droplet/exec/${name}`, token, { command: ['sh', '-c', script] })
  // Intermittent CPU load for the charts.
  const loadScript = 'while :; do timeout 6 sh -c "while :; do :; done"; sleep 9; done'
  for (const name of [first, ...others.slice(0, 2)]) await run(name, `(${loadScript}) >/dev/null 2>&1 &`)
  await Bun.sleep(SAMPLING_MS)
  const browser = await launchBrowser()
  for (const [variant, options] of displayVariants) {
    await using dashboard = await openDashboard(browser, server, options)
    const { page } = dashboard
    const capture = async (name: string) => {
      const file = `${name}-${variant.replace(', ', '-')}.png`
      await page.screenshot({ path: join(dir, file) })
      logStep(file)
    }
    await page.getByLabel('Username').fill('owner')
    await capture('sign-in')
    await page.route('**/api/v1/user/auth', route =>
      route.fulfill({ status: 200, json: { ...tokens, token_type: 'Bearer', expires_in: 7200 } }),
    )
    await page.getByLabel('Code from your authenticator app').fill(await currentCode(owner.secret))
    await page.locator('.cpu path[d*="L"]').first().waitFor({ state: 'attached' })
    await capture('droplets')
    for (const [routePath, heading] of [
      [`droplet/${first}`, first],
      [`droplet/${first}/logs`, first],
      [`droplet/${first}/terminal`, first],
      ['users', 'Users'],
      ['audit', 'Audit log'],
      ['account', 'Account'],
    ] as const) {
      await visit(page, routePath, heading)
      await page.locator('[aria-busy]').waitFor({ state: 'detached' })
      const view = routePath.split('/')[2]
      if (view === 'logs') await page.getByRole('log').getByText('systemd').first().waitFor()
      if (view === 'terminal') await runTop(page)
      await capture(view ?? routePath.split('/')[0] ?? routePath)
    }
  }
  await browser.close()
}

async function runTop(page: Page): Promise<void> {
  const rows = page.locator('.xterm-rows')
  await rows.getByText('root@').first().waitFor()
  await page.keyboard.type('top')
  await page.keyboard.press('Enter')
  await rows.getByText('Tasks:').waitFor()
}
