import { chmodSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { compile } from './lib/compile.ts'
import { bundleDashboard } from './lib/dashboard.ts'
import { root } from './lib/paths.ts'
import { bunVersion, fetchRuntime, type Target, targets } from './lib/runtimes.ts'
import { createSbom } from './lib/sbom.ts'
import { main, Obstacle, say } from './lib/terminal.ts'
import { type Revision, readRevision } from './lib/version.ts'

// Makes dist/release: a binary for each target, what is inside of them, and the sums of all. One commit makes the same bytes anywhere.

const dir = join(root, 'dist', 'release')
const draft = join(root, 'dist', 'release.new')
/** What the compiler took, which is the same for each target. */
const metafile = join(draft, 'work', 'inputs.json')

await main(async () => {
  if (process.argv.length > 2) throw new Obstacle('npm run release takes no words: the version is what git says')
  if (Bun.version !== bunVersion) throw new Obstacle(`This is Bun ${Bun.version}, not ${bunVersion}: run npm ci first`)
  const revision = await readRevision()
  rmSync(draft, { recursive: true, force: true })
  mkdirSync(draft, { recursive: true })
  const files = []
  for (const target of targets) files.push(await makeBinary(target, revision.version))
  files.push(await makeSbom(revision))
  await Bun.write(join(draft, 'SHA256SUMS'), (await Promise.all(files.map(sumLine))).join(''))
  rmSync(join(draft, 'work'), { recursive: true })
  rmSync(dir, { recursive: true, force: true })
  renameSync(draft, dir)
  say(`dist/release has cikit-api ${revision.version}: ${files.length} files and their SHA256SUMS`)
})

async function makeBinary(target: Target, version: string): Promise<string> {
  const file = `cikit-api-${version}-${target.system}`
  say(`Building ${file}`)
  const runtime = await fetchRuntime(target)
  // The name that it is compiled under is inside of it; so is the source map, of which a copy falls beside it.
  const outfile = join(draft, 'work', target.system, 'cikit-api')
  await compile({ outfile, version, target: { name: target.name, runtime }, metafile })
  renameSync(outfile, join(draft, file))
  chmodSync(join(draft, file), 0o755)
  return file
}

async function makeSbom(revision: Revision): Promise<string> {
  const file = `cikit-api-${revision.version}.cdx.json`
  const { inputs } = await Bun.file(metafile).json()
  await Bun.write(join(draft, file), createSbom(revision, [...Object.keys(inputs), ...bundleDashboard().inputs]))
  return file
}

/** As `sha256sum` writes and reads it. */
async function sumLine(file: string): Promise<string> {
  const bytes = await Bun.file(join(draft, file)).bytes()
  return `${new Bun.CryptoHasher('sha256').update(bytes).digest('hex')}  ${file}\n`
}
