import { chmodSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { bundleDashboard } from '../src/web/dashboard-bundle.ts'
import { compile } from './lib/compile.ts'
import { root } from './lib/paths.ts'
import { bunVersion, fetchRuntime, type Target, targets } from './lib/runtimes.ts'
import { createSbom } from './lib/sbom.ts'
import { logStep, runScript, UserError } from './lib/terminal.ts'
import { type Revision, readRevision } from './lib/version.ts'

// Builds dist/release: a binary for each target, their SBOM and SHA256SUMS. Builds of one commit are identical
// everywhere.

const dir = join(root, 'dist', 'release')
const stagingDir = join(root, 'dist', 'release.new')
/** The compiler's inputs, which are the same for each target. */
const metafile = join(stagingDir, 'work', 'inputs.json')

await runScript(async () => {
  if (process.argv.length > 2) throw new UserError('Unexpected argument: npm run release takes its version from git.')
  if (Bun.version !== bunVersion)
    throw new UserError(`This is Bun ${Bun.version}, but a release needs ${bunVersion}. Run npm ci.`)
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
  logStep(`Wrote cikit-api ${revision.version} to dist/release: ${files.length} files and their SHA256SUMS`)
})

async function buildBinary(target: Target, version: string): Promise<string> {
  const file = `cikit-api-${version}-${target.system}`
  logStep(`Building ${file}`)
  const runtime = await fetchRuntime(target)
  // The binary contains the name it is compiled under. It also contains its source map, so the copy beside it is not
  // shipped.
  const outfile = join(stagingDir, 'work', target.system, 'cikit-api')
  await compile({ outfile, version, target: { name: target.name, runtime }, metafile })
  renameSync(outfile, join(stagingDir, file))
  chmodSync(join(stagingDir, file), 0o755)
  return file
}

async function writeSbom(revision: Revision): Promise<string> {
  const file = `cikit-api-${revision.version}.cdx.json`
  const { inputs }: { inputs: Record<string, unknown> } = await Bun.file(metafile).json()
  await Bun.write(join(stagingDir, file), createSbom(revision, [...Object.keys(inputs), ...bundleDashboard().inputs]))
  return file
}

/** The format of `sha256sum`. */
async function checksumLine(file: string): Promise<string> {
  const bytes = await Bun.file(join(stagingDir, file)).bytes()
  return `${new Bun.CryptoHasher('sha256').update(bytes).digest('hex')}  ${file}\n`
}
