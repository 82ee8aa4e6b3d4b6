import { type Browser, chromium } from 'playwright-core'

/** Debian's chromium. It runs as root here, where its sandbox does not. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] })
}
