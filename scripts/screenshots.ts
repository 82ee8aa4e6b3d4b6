import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { launchBrowser } from '../tests/_support/e2e/browser.ts'
import { looks, openDashboard, visit } from '../tests/_support/e2e/dashboard.ts'
import { currentCode, startMatrix } from '../tests/_support/e2e/matrix.ts'
import { createFakeEngine } from '../tests/_support/fake-engine.ts'
import { root } from './lib/paths.ts'
import { main, say } from './lib/terminal.ts'

// Makes docs/screenshots: every page of the dashboard in dist/cikit-api, over an engine that only says that it has droplets.

const dir = join(root, 'docs/screenshots')

await main(async () => {
  mkdirSync(dir, { recursive: true })
  await using engine = createFakeEngine()
  await using matrix = await startMatrix({ socket: engine.socket })
  const owner = await matrix.createUser('owner', 'owner')
  const tokens = await matrix.logIn(owner)
  const token = tokens.access_token
  for (const [name, group] of [
    ['ann', 'manager'],
    ['bob', 'viewer'],
  ]) {
    await matrix.call('POST', '/user/add', token, { username: name, group })
  }
  for (let count = 0; count < 6; count++) await matrix.droplets('POST', 'add', token)
  await matrix.droplets('PATCH', 'stop/cikit02', token)
  const browser = await launchBrowser()
  for (const [look, options] of looks) {
    await using opened = await openDashboard(browser, matrix, options)
    const { page } = opened
    const take = async (name: string) => {
      const file = `${name}-${look.replace(', ', '-')}.png`
      await page.screenshot({ path: join(dir, file) })
      say(file)
    }
    await page.getByLabel('Name').fill('owner')
    await take('sign-in')
    await page.route('**/api/v1/user/auth', route =>
      route.fulfill({ status: 200, json: { ...tokens, token_type: 'Bearer', expires_in: 7200 } }),
    )
    await page.getByLabel('Code from your phone').fill(await currentCode(owner.secret))
    await page.getByRole('link', { name: 'cikit01' }).waitFor()
    await take('droplets')
    for (const [place, heading] of [
      ['droplet/cikit01', 'cikit01'],
      ['people', 'People'],
      ['audit', 'Audit'],
      ['me', 'owner'],
    ] as const) {
      await visit(page, place, heading)
      await page.locator('[aria-busy]').waitFor({ state: 'detached' })
      await take(place.split('/')[0] ?? place)
    }
  }
  await browser.close()
})
