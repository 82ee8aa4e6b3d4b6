import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Glob } from 'bun'
import { findChain, findCycles, findFolderCycles, type ImportEdge, readImports } from './testkit/imports.ts'

// Checks the layout, the import directions and the rules of docs/architecture.md that concern all code.

/** The folders of `src`, lowest first: a file imports only from its own folder and those before it. */
const ranks = [
  'core',
  'config',
  'store',
  'api',
  'audit',
  'auth',
  'users',
  'droplets',
  'engines',
  'events',
  'backups',
  'monitoring',
  'web',
]
/** Files outside the folders: they mount the features, or all features import them. */
const topLevel = ['app.ts', 'context.ts', 'core-context.ts', 'text-imports.d.ts', 'version.ts']

const root = join(import.meta.dir, '..')
const imports = readImports(root, ['src', 'cli'])
const own = imports.filter(({ to }) => /^(src|cli)\//.test(to))
/** Without the type imports of `api`: its guards depend on services of higher folders only by their types. */
const directed = own.filter(({ from, kind }) => !(from.startsWith('src/api/') && kind === 'type'))

const files = ['src/**/*.{ts,tsx}', 'cli/**/*.ts'].flatMap(pattern => [...new Glob(pattern).scanSync(root)]).sort()
const sources = files.map(file => ({ file, text: readFileSync(join(root, file), 'utf8') }))
const filesMatching = (pattern: RegExp) => sources.filter(({ text }) => pattern.test(text)).map(({ file }) => file)
const toText = ({ from, to }: ImportEdge) => `${from} -> ${to}`

test('finds the files and their imports', () => {
  expect(files.length).toBeGreaterThan(250)
  expect(imports).toContainEqual({ from: 'src/app.ts', to: 'elysia', kind: 'value' })
  expect(imports).toContainEqual({ from: 'src/app.ts', to: 'src/context.ts', kind: 'type' })
  expect(imports.filter(({ kind }) => kind === 'dynamic').length).toBeGreaterThan(20)
})

test('src and cli have the documented folders and files, and no others', () => {
  const entries = new Set(files.filter(file => file.startsWith('src/')).map(file => file.split('/')[1]))
  expect([...entries].sort()).toEqual([...ranks, ...topLevel].sort())
  const commands = new Set(files.filter(file => file.startsWith('cli/')).map(file => file.split('/')[1]))
  expect([...commands].sort()).toEqual(['client', 'commands.ts', 'host', 'main.ts', 'server', 'shared'])
})

describe('imports run one way', () => {
  const rankOf = (file: string) => ranks.indexOf(file.split('/')[1] ?? '')

  test('from each folder of src to those below it', () => {
    const upward = directed.filter(({ from, to }) => {
      if (rankOf(from) === -1) return false
      return rankOf(to) === -1 ? to !== 'src/version.ts' : rankOf(to) > rankOf(from)
    })
    expect(upward.map(toText)).toEqual([])
  })

  test.each<[string, (file: string) => boolean, (module: string) => boolean]>([
    ['only the command line imports the command line', file => !file.startsWith('cli/'), to => to.startsWith('cli/')],
    ['only the app mounts routes', file => file !== 'src/app.ts', to => /\/routes\.ts$/.test(to)],
    [
      'shared command code imports no command',
      file => file.startsWith('cli/shared/'),
      to => /^cli\/(?!shared)/.test(to),
    ],
    [
      'only the context chooses an engine',
      file => file.startsWith('src/') && !/^src\/(context\.ts|engines\/)/.test(file),
      to => to.startsWith('src/engines/'),
    ],
    ['src and cli import no script, test or benchmark', () => true, to => /^(scripts|tests|bench)\//.test(to)],
  ])('%s', (_, includes, isForbidden) => {
    expect(imports.filter(({ from, to }) => includes(from) && isForbidden(to)).map(toText)).toEqual([])
  })

  test('scripts and benchmarks import from tests only the testkit', () => {
    const outer = readImports(root, ['scripts', 'bench'])
    expect(outer.length).toBeGreaterThan(100)
    expect(outer.filter(({ to }) => /^tests\/(?!testkit\/)/.test(to)).map(toText)).toEqual([])
  })

  test('no files and no folders import each other in a cycle', () => {
    expect(findCycles(own)).toEqual([])
    expect(findFolderCycles(directed)).toEqual([])
  })

  test('only the app, routes, schemas and api import Elysia, directly or indirectly', () => {
    const mayImport = /^src\/(app\.ts|api\/|web\/|.*\/(routes|schema|openapi)\.ts$)/
    const erased = imports.filter(({ kind }) => kind !== 'type')
    const below = files.filter(file => file.startsWith('src/') && !mayImport.test(file))
    const isElysia = (module: string) => /^(elysia|@elysiajs\/)/.test(module)
    expect(below.length).toBeGreaterThan(100)
    expect(below.flatMap(file => findChain(erased, file, isElysia)?.join(' -> ') ?? [])).toEqual([])
  })
})

test('the environment is read in one place', () => {
  expect(filesMatching(/process\.env\b(?!\.NODE_ENV': )|Bun\.env|import\.meta\.env/)).toEqual(['src/config/config.ts'])
})

test('only the listed files start programs, and none executes text as code', () => {
  const imported = imports.filter(({ to }) => /child_process|worker_threads|^vm$|node:vm/.test(to))
  expect(imported.map(toText)).toEqual([])
  // The user's ssh, programs that operator commands need (systemctl, useradd), and the backups of `serve`: always with
  // an argument list and without a shell. The bundler runs at compile time only.
  expect(filesMatching(/Bun\.spawn|Bun\.\$|\bnew Function\b|\beval\(/)).toEqual([
    'cli/client/ssh.ts',
    'cli/shared/run-program.ts',
    'src/web/dashboard-bundle.ts',
  ])
})

test('SQL statements contain no values, only constants of the store', () => {
  // Only constants of the store with these names are interpolated.
  const statements = sources.flatMap(({ file, text }) =>
    [...text.matchAll(/(?:query|run)(?:<[^(]*>)?\(\s*`([^`]*)`/g)].map(match => ({ file, statement: match[1] ?? '' })),
  )
  const interpolated = statements.flatMap(({ statement }) =>
    [...statement.matchAll(/\$\{([^}]*)\}/g)].map(match => match[1]),
  )
  expect([...new Set(interpolated)].sort()).toEqual([
    'column',
    'columns',
    'denialColumns',
    'idColumns[table]',
    'oldTable',
    'table',
  ])
  expect([...new Set(statements.map(({ file }) => file.split('/').slice(0, 2).join('/')))]).toEqual(['src/store'])
})
