import type { Browser, BrowserContextOptions } from 'playwright-core'
import type { ServerProcess } from './server-process.ts'

/** Opens a page. `pageErrors` collects CSP violations, errors, and requests to other servers. */
export async function openPage(
  browser: Browser,
  server: ServerProcess,
  path: string,
  options: BrowserContextOptions = {},
) {
  const context = await browser.newContext(options)
  const page = await context.newPage()
  const pageErrors: string[] = []
  page.on('console', message => {
    // The browser also logs responses with an error status, which tests expect.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      pageErrors.push(message.text())
  })
  page.on('pageerror', error => pageErrors.push(String(error)))
  page.on('request', request => {
    if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(new URL('/', server.url).href)) {
      pageErrors.push(`request to ${request.url()}`)
    }
  })
  await page.goto(new URL(path, server.url).href)
  return {
    page,
    pageErrors,
    async [Symbol.asyncDispose]() {
      await context.close()
    },
  }
}
