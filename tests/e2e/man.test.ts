import { beforeAll, expect, test } from 'bun:test'
import { binary } from '../../scripts/lib/paths.ts'
import { run } from '../../scripts/lib/run.ts'

let page: string

beforeAll(async () => {
  page = await run([binary, 'man'])
})

/** The formatted page and the formatter's complaints. */
async function formatPage(command: string[]) {
  const child = Bun.spawn(command, {
    stdin: Buffer.from(page),
    stdout: 'pipe',
    stderr: 'pipe',
    env: { PATH: process.env.PATH, MANWIDTH: '100' },
  })
  const [formatted, errorOutput] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  return { text: withoutOverstrikes(formatted), errorOutput }
}

test('the page passes the checks of mandoc and groff', async () => {
  const { text, errorOutput } = await formatPage(['mandoc', '-Tlint', '-W', 'warning'])
  expect(text + errorOutput).toBe('')
  expect((await formatPage(['groff', '-man', '-mdoc', '-ww', '-Tutf8'])).errorOutput).toBe('')
})

test('the page has the sections of a manual, and its dashes can be copied', async () => {
  const { text } = await formatPage(['mandoc', '-Tutf8'])
  const headings = [...text.matchAll(/^([A-Z][A-Z ]+)$/gm)].map(([, heading]) => heading)
  expect(headings).toEqual([
    ...['NAME', 'SYNOPSIS', 'DESCRIPTION', 'COMMANDS', 'SETTINGS', 'ENVIRONMENT', 'FILES', 'EXIT STATUS', 'EXAMPLES'],
    'SEE ALSO',
  ])
  expect(text).toContain('cikit-api create-user -u ann -g owner')
  expect(text).toContain('--data-dir DIR, CIKIT_API_DATA_DIR')
})

/** Bold and underlined letters are overstruck: two characters with a backspace between them. */
function withoutOverstrikes(text: string): string {
  const parts = text.split('\b')
  return parts.map((part, index) => (index < parts.length - 1 ? part.slice(0, -1) : part)).join('')
}
