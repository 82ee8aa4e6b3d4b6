import { describe, expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { Glob } from 'bun'
import packageJson from '../../package.json'
import { listPages } from '../../scripts/lib/doc-pages.ts'
import { root } from '../../scripts/lib/paths.ts'

const MAX_README_LINES = 150
const MAX_LINE_LENGTH = 100

const pages = listPages().map(({ file, path }) => ({ file, path, text: readFileSync(path, 'utf8') }))

test('the README fits on one page', () => {
  const readme = pages.find(({ file }) => file === 'README.md')
  expect(readme?.text.split('\n').length).toBeLessThanOrEqual(MAX_README_LINES)
})

describe.each(pages)('$file', ({ path, text }) => {
  test('links to files and headings that exist', () => {
    const links = [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link)
    const broken = links.filter(link => !/^https?:/.test(link) && !isValidLink(link, path))
    expect(broken).toEqual([])
  })

  test('wraps its text at 100 columns', () => {
    const long = withoutCode(text.replaceAll(/<!-- generated[\s\S]*?<!-- \/generated -->/g, ''))
      .split('\n')
      .filter(line => line.length > MAX_LINE_LENGTH && !line.startsWith('|'))
    expect(long).toEqual([])
  })

  test('names source files that exist', () => {
    const names = [...text.matchAll(/`([\w./-]+\/[\w.-]+\.(?:tsx?|sql|conf|yml))`/g)].map(([, name = '']) => name)
    const places = ['', 'src', 'src/web/dashboard', dirname(path)]
    const missing = names.filter(name => !places.some(place => existsSync(resolve(root, place, name))))
    expect(missing).toEqual([])
  })

  test('names npm scripts that exist', () => {
    const names = [...text.matchAll(/npm run ([a-z:]+)/g)].map(([, name = '']) => name)
    expect(names.filter(name => !(name in packageJson.scripts))).toEqual([])
  })
})

test('every page in docs is linked from the README', () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  const missing = pages.filter(({ file }) => file.startsWith('docs/') && !readme.includes(`(${file})`))
  expect(missing.map(({ file }) => file)).toEqual([])
})

test('the tests that docs/security.md names exist', () => {
  const page = readFileSync(join(root, 'docs/security.md'), 'utf8')
  const [, section = ''] = /## Tests\n([\s\S]*?)\n## /.exec(page) ?? []
  const rows = section.split('\n').filter(line => line.startsWith('| ') && !line.includes('| tests |'))
  expect(rows.length).toBeGreaterThan(30)
  const names = rows.flatMap(row => [...(row.split('|')[2] ?? '').matchAll(/`([^`]+)`/g)].map(([, name = '']) => name))
  const missing = names.filter(name => [...new Glob(`tests/${name}.test.ts`).scanSync(root)].length === 0)
  expect(missing).toEqual([])
})

test('docs/architecture.md shows the folders of the repository', () => {
  const page = readFileSync(join(root, 'docs/architecture.md'), 'utf8')
  const tree = /## Layout\n\n```\n([\s\S]*?)```/.exec(page)?.[1] ?? ''
  const folders = new Set(
    ['src', 'cli'].flatMap(top => [...new Glob(`${top}/*/*`).scanSync(root)].map(file => file.split('/')[1] ?? '')),
  )
  const missing = [...folders].filter(folder => !new RegExp(`^ +(\\S+ +)?${folder}/`, 'm').test(tree))
  expect(missing).toEqual([])
})

function withoutCode(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```$/gm, '')
}

function isValidLink(link: string, from: string): boolean {
  const [target = '', heading] = link.split('#')
  const path = target === '' ? from : join(dirname(from), target)
  if (!existsSync(path)) return false
  return heading === undefined || headingIds(readFileSync(path, 'utf8')).includes(heading)
}

/** As GitHub derives them from the text of a heading. */
function headingIds(text: string): string[] {
  return [...withoutCode(text).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  )
}
