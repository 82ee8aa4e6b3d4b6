import type { Browser, BrowserContextOptions } from 'playwright-core'
import type { Matrix } from './matrix.ts'

/** A page that tells when it breaks its own policy, complains, or asks anything of another server: `complaints` are to be none. */
export async function openPage(browser: Browser, matrix: Matrix, path: string, options: BrowserContextOptions = {}) {
  const context = await browser.newContext(options)
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('console', message => {
    // A refused request is told by the browser, too.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      complaints.push(message.text())
  })
  page.on('pageerror', error => complaints.push(String(error)))
  page.on('request', request => {
    if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(new URL('/', matrix.url).href)) {
      complaints.push(`asks for ${request.url()}`)
    }
  })
  await page.goto(new URL(path, matrix.url).href)
  return {
    page,
    complaints,
    async [Symbol.asyncDispose]() {
      await context.close()
    },
  }
}
