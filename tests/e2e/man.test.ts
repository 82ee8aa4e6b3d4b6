import { beforeAll, expect, test } from 'bun:test'
import { binary } from '../../scripts/lib/paths.ts'
import { run } from '../../scripts/lib/run.ts'

let page: string

beforeAll(async () => {
  page = await run([binary, 'man'])
})

/** What a formatter says of the page, and how it shows it. */
async function formatPage(command: string[]) {
  const child = Bun.spawn(command, {
    stdin: Buffer.from(page),
    stdout: 'pipe',
    stderr: 'pipe',
    env: { PATH: process.env.PATH, MANWIDTH: '100' },
  })
  const [shown, errorOutput] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  return { shown: withoutOverstrikes(shown), errorOutput }
}

test('mandoc and groff find nothing wrong with it', async () => {
  const { shown, errorOutput } = await formatPage(['mandoc', '-Tlint', '-W', 'warning'])
  expect(shown + errorOutput).toBe('')
  expect((await formatPage(['groff', '-man', '-mdoc', '-ww', '-Tutf8'])).errorOutput).toBe('')
})

test('as it is read, it has the sections of a manual, and dashes that can be copied', async () => {
  const { shown } = await formatPage(['mandoc', '-Tutf8'])
  const headings = [...shown.matchAll(/^([A-Z][A-Z ]+)$/gm)].map(([, heading]) => heading)
  expect(headings).toEqual([
    ...['NAME', 'SYNOPSIS', 'DESCRIPTION', 'COMMANDS', 'SETTINGS', 'ENVIRONMENT', 'FILES', 'EXIT STATUS', 'EXAMPLES'],
    'SEE ALSO',
  ])
  expect(shown).toContain('cikit-api create-user -u ann -g owner')
  expect(shown).toContain('--data-dir DIR, CIKIT_API_DATA_DIR')
})

/** Bold and underlined letters are made of two, with a step back between. */
function withoutOverstrikes(text: string): string {
  const parts = text.split('\b')
  return parts.map((part, index) => (index < parts.length - 1 ? part.slice(0, -1) : part)).join('')
}
