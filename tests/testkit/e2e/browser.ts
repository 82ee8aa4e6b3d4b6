import { type Browser, chromium } from 'playwright-core'

/** Debian's chromium, without its sandbox, which does not work as root. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] })
}
