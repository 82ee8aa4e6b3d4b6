import { chmodSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { bundleDashboard } from '../src/web/dashboard-bundle.ts'
import { compile } from './lib/compile.ts'
import { root } from './lib/paths.ts'
import { bunVersion, fetchRuntime, type Target, targets } from './lib/runtimes.ts'
import { createSbom } from './lib/sbom.ts'
import { logStep, runScript, UserError } from './lib/terminal.ts'
import { type Revision, readRevision } from './lib/version.ts'

// Makes dist/release: a binary for each target, what is inside of them, and the sums of all. One commit makes the same bytes anywhere.

const dir = join(root, 'dist', 'release')
const stagingDir = join(root, 'dist', 'release.new')
/** What the compiler took, which is the same for each target. */
const metafile = join(stagingDir, 'work', 'inputs.json')

await runScript(async () => {
  if (process.argv.length > 2) throw new UserError('npm run release takes no words: the version is what git says')
  if (Bun.version !== bunVersion) throw new UserError(`This is Bun ${Bun.version}, not ${bunVersion}: run npm ci first`)
  const revision = await readRevision()
  rmSync(stagingDir, { recursive: true, force: true })
  mkdirSync(stagingDir, { recursive: true })
  const files = []
  for (const target of targets) files.push(await buildBinary(target, revision.version))
  files.push(await writeSbom(revision))
  await Bun.write(join(stagingDir, 'SHA256SUMS'), (await Promise.all(files.map(checksumLine))).join(''))
  rmSync(join(stagingDir, 'work'), { recursive: true })
  rmSync(dir, { recursive: true, force: true })
  renameSync(stagingDir, dir)
  logStep(`dist/release has cikit-api ${revision.version}: ${files.length} files and their SHA256SUMS`)
})

async function buildBinary(target: Target, version: string): Promise<string> {
  const file = `cikit-api-${version}-${target.system}`
  logStep(`Building ${file}`)
  const runtime = await fetchRuntime(target)
  // The name that it is compiled under is inside of it; so is the source map, of which a copy falls beside it.
  const outfile = join(stagingDir, 'work', target.system, 'cikit-api')
  await compile({ outfile, version, target: { name: target.name, runtime }, metafile })
  renameSync(outfile, join(stagingDir, file))
  chmodSync(join(stagingDir, file), 0o755)
  return file
}

async function writeSbom(revision: Revision): Promise<string> {
  const file = `cikit-api-${revision.version}.cdx.json`
  const { inputs } = await Bun.file(metafile).json()
  await Bun.write(join(stagingDir, file), createSbom(revision, [...Object.keys(inputs), ...bundleDashboard().inputs]))
  return file
}

/** As `sha256sum` writes and reads it. */
async function checksumLine(file: string): Promise<string> {
  const bytes = await Bun.file(join(stagingDir, file)).bytes()
  return `${new Bun.CryptoHasher('sha256').update(bytes).digest('hex')}  ${file}\n`
}
