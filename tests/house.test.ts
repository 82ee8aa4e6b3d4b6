import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Glob } from 'bun'

// What CONTRIBUTING.md says of the house, held against the files.

const root = join(import.meta.dir, '..')
const files = ['src/**/*.ts', 'cli/**/*.ts'].flatMap(pattern => [...new Glob(pattern).scanSync(root)]).sort()
const sources = files.map(file => ({ file, text: readFileSync(join(root, file), 'utf8') }))

/** The modules that a file imports, those of ours by their path from the root. */
function importedModules({ file, text }: { file: string; text: string }): string[] {
  const named = [...text.matchAll(/(?:^import|^} from|import\()[^'\n]*'([^']+)'/gm)].map(match => match[1] ?? '')
  return named.map(name => (name.startsWith('.') ? join(file, '..', name) : name))
}

/** The files that import what matches, as `file imports module`. */
function findImports(pattern: RegExp, includes: (file: string) => boolean): string[] {
  return sources
    .filter(({ file }) => includes(file))
    .flatMap(source =>
      importedModules(source).flatMap(name => (pattern.test(name) ? [`${source.file} imports ${name}`] : [])),
    )
}

/** The files that say this. */
const filesMatching = (pattern: RegExp) => sources.filter(({ text }) => pattern.test(text)).map(({ file }) => file)

test('the files are found, and their imports', () => {
  expect(files.length).toBeGreaterThan(50)
  expect(findImports(/^elysia$/, file => file === 'src/app.ts')).toEqual(['src/app.ts imports elysia'])
  expect(findImports(/store\/database/, file => file === 'src/context.ts')).toHaveLength(1)
})

describe('imports run one way', () => {
  test.each<[string, RegExp, (file: string) => boolean]>([
    ['nothing imports the command line but itself', /^cli\//, file => !file.startsWith('cli/')],
    ['routes are mounted by the app only', /routes\.ts$/, file => file !== 'src/app.ts'],
    [
      'the store knows no feature',
      /^src\/(auth|users|droplets|audit|http|engines|web)\//,
      file => file.startsWith('src/store/'),
    ],
    [
      'engines know droplets and no other feature',
      /^src\/(auth|users|audit|http|store|web)\//,
      file => file.startsWith('src/engines/'),
    ],
    ['droplets know no engine', /^src\/engines\//, file => file.startsWith('src/droplets/')],
    ['Elysia stays where HTTP is', /^elysia$/, file => !/^src\/(app\.ts|http\/.*|\w+\/(routes|model)\.ts)$/.test(file)],
    [
      'services know nothing of HTTP',
      /^src\/http\//,
      file => !/^(src\/(app\.ts|http\/.*|openapi\/.*|\w+\/(routes|model|openapi)\.ts)|cli\/listener\.ts)$/.test(file),
    ],
  ])('%s', (_, pattern, includes) => {
    expect(findImports(pattern, includes)).toEqual([])
  })
})

test('the environment is read in one place', () => {
  expect(filesMatching(/process\.env|Bun\.env|import\.meta\.env/)).toEqual(['src/config.ts'])
})

test('the server starts no program but its own, and no text is ever run', () => {
  expect(findImports(/child_process|worker_threads|^vm$|node:vm/, () => true)).toEqual([])
  // But for the ssh of a person at its own computer, and what an operator's command needs of the host (systemctl, useradd):
  // by their arguments and without a shell. `serve` has its own binary write backups in that way.
  expect(filesMatching(/Bun\.spawn|Bun\.\$|\bnew Function\b|\beval\(/)).toEqual(['cli/program.ts', 'cli/ssh.ts'])
  expect(findImports(/^cli\/program\.ts$/, file => !file.startsWith('cli/'))).toEqual([])
})

test('no statement of SQL holds what came from outside', () => {
  // What is put into their text by `${}` are constants of the store, by these names.
  const statements = sources.flatMap(({ file, text }) =>
    [...text.matchAll(/(?:query|run)(?:<[^(]*>)?\(\s*`([^`]*)`/g)].map(match => ({ file, statement: match[1] ?? '' })),
  )
  const inserted = statements.flatMap(({ statement }) =>
    [...statement.matchAll(/\$\{([^}]*)\}/g)].map(match => match[1]),
  )
  expect([...new Set(inserted)].sort()).toEqual(['column', 'columns', 'idColumns[table]', 'denialColumns', 'table'])
  expect([...new Set(statements.map(({ file }) => file.split('/').slice(0, 2).join('/')))]).toEqual(['src/store'])
})
