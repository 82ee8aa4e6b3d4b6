import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { Glob } from 'bun'

/** An import statement of a project file. */
export interface ImportEdge {
  /** Relative to the root of the project, like all paths here. */
  from: string
  /** Path of a project file, or name of a package. */
  to: string
  /** `type` is erased by the compiler, `dynamic` is `import()`. */
  kind: 'value' | 'type' | 'dynamic'
}

const STATEMENT = /^(?:import|export)\s+(type\s)?(?:[\w*{][^'"]*?\sfrom\s+)?['"]([^'"]+)['"]/gm
const DYNAMIC = /\bimport\(\s*['"]([^'"]+)['"]/g

/** Reads the imports of all TypeScript files below `folders`, comments excluded. */
export function readImports(root: string, folders: readonly string[]): ImportEdge[] {
  const patterns = folders.map(folder => (folder.endsWith('.ts') ? folder : `${folder}/**/*.{ts,tsx}`))
  const files = patterns.flatMap(pattern => [...new Glob(pattern).scanSync(root)]).sort()
  return files.flatMap(file => importsOf(root, file))
}

function importsOf(root: string, file: string): ImportEdge[] {
  const text = readFileSync(join(root, file), 'utf8').replace(/^\s*(\/\/.*|\/?\*.*)$/gm, '')
  const resolve = (name: string) => (name.startsWith('.') ? normalize(join(dirname(file), name)) : name)
  const edges: ImportEdge[] = []
  for (const [, isType, name = ''] of text.matchAll(STATEMENT))
    edges.push({ from: file, to: resolve(name), kind: isType ? 'type' : 'value' })
  for (const [, name = ''] of text.matchAll(DYNAMIC)) edges.push({ from: file, to: resolve(name), kind: 'dynamic' })
  return edges.filter(({ to }) => !to.startsWith('.') || existsSync(join(root, to)))
}

/** Groups of nodes that import each other directly or indirectly, each sorted (Tarjan's algorithm). */
export function findCycles(edges: readonly { from: string; to: string }[]): string[][] {
  const next = new Map<string, Set<string>>()
  for (const { from, to } of edges) {
    if (from === to) continue
    next.set(from, (next.get(from) ?? new Set()).add(to))
  }
  const index = new Map<string, number>()
  const low = new Map<string, number>()
  const stack: string[] = []
  const onStack = new Set<string>()
  const cycles: string[][] = []
  for (const node of next.keys()) if (!index.has(node)) visit(node)
  return cycles

  function visit(node: string): void {
    const own = index.size
    index.set(node, own)
    low.set(node, own)
    stack.push(node)
    onStack.add(node)
    for (const target of next.get(node) ?? []) {
      if (!index.has(target)) visit(target)
      if (onStack.has(target)) low.set(node, Math.min(low.get(node) ?? own, low.get(target) ?? own))
    }
    if (low.get(node) !== own) return
    const members: string[] = []
    for (let member = stack.pop(); member !== undefined; member = stack.pop()) {
      onStack.delete(member)
      members.push(member)
      if (member === node) break
    }
    if (members.length > 1) cycles.push(members.sort())
  }
}

/**
 * Cycles among the files and subfolders of each folder. A subfolder is one node that includes everything below it.
 */
export function findFolderCycles(edges: readonly ImportEdge[]): string[][] {
  const byFolder = new Map<string, { from: string; to: string }[]>()
  for (const { from, to } of edges) {
    const [left, right] = [from.split('/'), to.split('/')]
    let depth = 0
    while (left[depth] === right[depth] && depth < left.length - 1 && depth < right.length - 1) depth += 1
    const folder = left.slice(0, depth).join('/')
    const entry = { from: left.slice(0, depth + 1).join('/'), to: right.slice(0, depth + 1).join('/') }
    byFolder.set(folder, [...(byFolder.get(folder) ?? []), entry])
  }
  return [...byFolder.values()].flatMap(findCycles)
}

/** The shortest chain of imports from a file to a match; undefined if there is none. */
export function findChain(
  edges: readonly ImportEdge[],
  from: string,
  matches: (module: string) => boolean,
): string[] | undefined {
  const next = new Map<string, string[]>()
  for (const edge of edges) next.set(edge.from, [...(next.get(edge.from) ?? []), edge.to])
  const chains = [[from]]
  const seen = new Set([from])
  for (const chain of chains) {
    for (const to of next.get(chain.at(-1) ?? '') ?? []) {
      if (matches(to)) return [...chain, to]
      if (seen.has(to)) continue
      seen.add(to)
      chains.push([...chain, to])
    }
  }
  return undefined
}
