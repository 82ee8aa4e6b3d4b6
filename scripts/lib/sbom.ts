import { license } from '../../package.json'
import { type LockedPackage, readPackageLock } from './package-lock.ts'
import { bunVersion, integrityOf, targets } from './runtimes.ts'
import type { Revision } from './version.ts'

/** Entries of `process.versions` that are not linked into Bun: what it is compatible with and what built it. */
const excludedVersions = new Set([
  'node',
  'bun',
  'openssl',
  'v8',
  'uv',
  'napi',
  'modules',
  'unicode',
  'zig',
  'typescript',
])

interface Component {
  type: 'library' | 'framework' | 'platform' | 'application'
  'bom-ref': string
  name: string
  version: string
  [more: string]: unknown
}

/**
 * The contents of the binary as CycloneDX 1.6 (ECMA-424): npm packages, Bun, and the libraries linked into Bun. The
 * same revision gives the same text.
 * @param inputs the compiler's input files, such as `node_modules/elysia/dist/index.mjs`
 */
export function createSbom({ version, commit, committedAt }: Revision, inputs: string[]): string {
  const lock = readPackageLock()
  const packages = [...new Set(inputs.flatMap(file => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file) ?? []))].sort()
  const components = packages.map(path => toComponent(path, lock[path]))
  const refsByName = new Map(packages.map((path, index) => [packageName(path), components[index]?.['bom-ref'] ?? '']))
  const program: Component = {
    type: 'application',
    'bom-ref': 'cikit-api',
    name: 'cikit-api',
    version,
    licenses: [{ expression: license }],
    properties: [{ name: 'cikit-api:commit', value: commit }],
  }
  const bun = describeBun()
  const document = {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: { timestamp: committedAt, component: program },
    components: [bun, ...components],
    dependencies: [
      { ref: program['bom-ref'], dependsOn: [bun['bom-ref'], ...directDependencies(lock[''], refsByName)] },
      { ref: bun['bom-ref'] },
      ...packages.map((path, index) => ({
        ref: components[index]?.['bom-ref'],
        dependsOn: directDependencies(lock[path], refsByName),
      })),
    ],
  }
  const serialNumber = `urn:uuid:${uuidOf(JSON.stringify(document))}`
  return `${JSON.stringify({ ...document, serialNumber }, null, 2)}\n`
}

function toComponent(path: string, locked: LockedPackage | undefined): Component {
  if (!locked) throw new Error(`${path} is in the binary but not in package-lock.json: run npm ci`)
  const name = packageName(path)
  const purl = `pkg:npm/${name.replace('@', '%40')}@${locked.version}`
  return {
    type: 'library',
    'bom-ref': purl,
    name,
    version: locked.version,
    purl,
    hashes: [toHash(locked.integrity)],
    ...(locked.license !== undefined && { licenses: [{ expression: locked.license }] }),
  }
}

/** Bun: the runtime of each target, and the libraries linked into it. */
function describeBun(): Component {
  const purl = `pkg:npm/bun@${bunVersion}`
  const runtimes = targets.map(({ runtime }) => ({
    type: 'platform',
    'bom-ref': `pkg:npm/${runtime.replace('@', '%40')}@${bunVersion}`,
    name: runtime,
    version: bunVersion,
    purl: `pkg:npm/${runtime.replace('@', '%40')}@${bunVersion}`,
    hashes: [toHash(integrityOf(runtime))],
  }))
  const libraries = Object.entries(process.versions)
    .filter(([name]) => !excludedVersions.has(name))
    .map(([name, version = '']) => ({ type: 'library', 'bom-ref': `bun/${name}`, name, version }))
  return {
    type: 'platform',
    'bom-ref': purl,
    name: 'bun',
    version: bunVersion,
    purl,
    licenses: [{ expression: 'MIT' }],
    components: [...runtimes, ...libraries],
  }
}

function directDependencies(locked: LockedPackage | undefined, refsByName: Map<string, string>): string[] {
  const names = Object.keys({ ...locked?.dependencies, ...locked?.peerDependencies })
  return names.flatMap(name => refsByName.get(name) ?? [])
}

function packageName(path: string): string {
  return path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
}

function toHash(integrity: string) {
  const content = Buffer.from(integrity.slice('sha512-'.length), 'base64').toString('hex')
  return { alg: 'SHA-512', content }
}

/** A UUID of version 8 (RFC 9562), derived from the text. */
function uuidOf(text: string): string {
  const hex = new Bun.CryptoHasher('sha256').update(text).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
