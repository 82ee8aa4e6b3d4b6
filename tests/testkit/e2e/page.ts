import type { Browser, BrowserContextOptions } from 'playwright-core'
import type { ServerProcess } from './server-process.ts'

/** A page that tells when it breaks its own policy, complains, or asks anything of another server: `complaints` are to be none. */
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
    // A refused request is told by the browser, too.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      pageErrors.push(message.text())
  })
  page.on('pageerror', error => pageErrors.push(String(error)))
  page.on('request', request => {
    if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(new URL('/', server.url).href)) {
      pageErrors.push(`asks for ${request.url()}`)
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
