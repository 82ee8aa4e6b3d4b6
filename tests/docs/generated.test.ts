import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { listPages } from '../../scripts/lib/doc-pages.ts'
import { fillSections, generateSections } from '../../scripts/lib/generated-docs.ts'

test('the tables of settings, commands and errors match the code: npm run docs updates them', async () => {
  const sections = await generateSections()
  for (const { file, path } of listPages()) {
    const page = readFileSync(path, 'utf8')
    expect([file, page]).toEqual([file, fillSections(page, sections)])
  }
})

test('every generated section is in a page', async () => {
  const text = listPages()
    .map(({ path }) => readFileSync(path, 'utf8'))
    .join('\n')
  for (const name of Object.keys(await generateSections())) expect(text).toContain(`<!-- generated: ${name} -->`)
})

describe('filling sections', () => {
  test('replaces what is between the markers and nothing else', () => {
    const page = 'before\n<!-- generated: list -->\nold\n<!-- /generated -->\nafter\n'
    expect(fillSections(page, { list: 'new' })).toBe(
      'before\n<!-- generated: list -->\nnew\n<!-- /generated -->\nafter\n',
    )
  })

  test('rejects a section that nothing generates', () => {
    expect(() => fillSections('<!-- generated: list -->\n<!-- /generated -->', {})).toThrow('section "list"')
  })
})
