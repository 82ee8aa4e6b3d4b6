import { beforeAll, describe, expect, test } from 'bun:test'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { Spec, Validation } from '@cyclonedx/cyclonedx-library'
import { dependencies } from '../../package.json'
import { readPackageLock } from '../../scripts/lib/package-lock.ts'
import { root, workDir } from '../../scripts/lib/paths.ts'
import { run } from '../../scripts/lib/run.ts'
import { readRevision } from '../../scripts/lib/version.ts'
import { createMuslTree } from '../testkit/e2e/musl-tree.ts'
import { startServerProcess } from '../testkit/e2e/server-process.ts'
import { tempDir } from '../testkit/temp-dir.ts'

// The output of `npm run release` in this tree, and in a copy elsewhere.

const dir = join(root, 'dist/release')
const systems = ['linux-arm64', 'linux-x64', 'linux-x64-baseline', 'linux-x64-musl']
let version: string
const binaryOf = (system: string) => join(dir, `cikit-api-${version}-${system}`)

beforeAll(async () => {
  version = (await readRevision()).version
  await run(['npm', '--prefix', root, 'run', 'release'])
})

test('builds a binary for each system, an SBOM, and checksums that sha256sum accepts', async () => {
  const files = [...systems.map(system => `cikit-api-${version}-${system}`), `cikit-api-${version}.cdx.json`].sort()
  expect(readdirSync(dir).sort()).toEqual(['SHA256SUMS', ...files])
  const checkOutput = await run(['bash', '-c', `cd '${dir}' && sha256sum --strict -c SHA256SUMS`])
  expect(checkOutput.trim().split('\n').sort()).toEqual(files.map(file => `${file}: OK`).sort())
})

test('a copy of the tree elsewhere, with only the bundled dependencies, builds identical files', async () => {
  using elsewhere = tempDir()
  const copy = join(elsewhere.path, 'deeper', 'cikit-api')
  await copyTree(copy)
  const home = join(elsewhere.path, 'home')
  mkdirSync(home)
  await run(['bun', `--cwd=${elsewhere.path}`, join(copy, 'scripts/release.ts')], {
    env: { TZ: 'Asia/Tokyo', LANG: 'C', HOME: home },
  })
  expect(readFileSync(join(copy, 'dist/release/SHA256SUMS'), 'utf8')).toBe(
    readFileSync(join(dir, 'SHA256SUMS'), 'utf8'),
  )
}, 60_000)

describe.each(['linux-x64', 'linux-x64-baseline'])('%s', system => {
  test('prints its version, serves and stops', async () => {
    expect(await run([binaryOf(system), '--version'])).toBe(`${version}\n`)
    await using server = await startServerProcess({ socket: '/nonexistent/docker.sock', program: binaryOf(system) })
    expect(server.log.find(({ message }) => message === 'listening')).toMatchObject({ version })
    const token = await server.logInAs('owner')
    expect((await server.call('GET', '/user/list', token)).status).toBe(200)
    expect(await server.stop()).toBe(0)
  })
})

test('linux-x64-musl runs in a root with only musl', async () => {
  using tree = await createMuslTree(binaryOf('linux-x64-musl'))
  expect(await run(tree.command('--version'))).toBe(`${version}\n`)
  const [program = '', ...commandPrefix] = tree.command().toReversed()
  await using server = await startServerProcess({
    socket: '/nonexistent/docker.sock',
    commandPrefix: commandPrefix.toReversed(),
    program,
    dataDir: '/data',
  })
  expect((await server.call('GET', '/user/list')).body).toMatchObject({ errorId: 908 })
  expect(JSON.parse(await run(tree.command('create-user', '-u', 'ann', '-g', 'owner', '--json')))).toMatchObject({
    username: 'ann',
  })
  expect(await server.stop()).toBe(0)
})

test('linux-arm64 is an AArch64 binary and prints its version in an emulator', async () => {
  const header = await Bun.file(binaryOf('linux-arm64')).slice(0, 20).bytes()
  // EM_AARCH64 in e_machine (ELF-64).
  expect(new DataView(header.buffer).getUint16(18, true)).toBe(183)
  const emulated = ['qemu-aarch64-static', '-L', '/usr/aarch64-linux-gnu', binaryOf('linux-arm64')]
  expect(await run([...emulated, '--version'])).toBe(`${version}\n`)
})

describe('the SBOM', () => {
  const readSbom = () => readFileSync(join(dir, `cikit-api-${version}.cdx.json`), 'utf8')

  test('is valid CycloneDX 1.6', async () => {
    const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6)
    expect(await validator.validate(readSbom())).toBeNull()
    expect(await validator.validate(readSbom().replace('"libr', '"liebr'))).not.toBeNull()
  })

  test('lists the contents with the versions and hashes of package-lock.json', async () => {
    const { metadata, components }: Sbom = JSON.parse(readSbom())
    expect(metadata.component).toMatchObject({ name: 'cikit-api', version })
    const names = components.map(({ name }) => name)
    expect(names).toEqual(expect.arrayContaining([...Object.keys(dependencies), 'bun', '@noble/curves']))
    for (const tool of ['typescript', '@biomejs/biome', 'fast-check']) expect(names).not.toContain(tool)
    const componentLine = (name: string, version: string, integrity: string) => `${name}@${version} ${integrity}`
    const lockedLines = Object.entries(readPackageLock()).map(([path, { version, integrity }]) =>
      componentLine(path.replace(/^.*node_modules\//, ''), version, integrity),
    )
    for (const { name, version, hashes } of components.slice(1)) {
      expect(lockedLines).toContain(
        componentLine(name, version, `sha512-${Buffer.from(hashes[0]?.content ?? '', 'hex').toString('base64')}`),
      )
    }
    expect(components[0]?.components).toContainEqual(expect.objectContaining({ name: 'sqlite' }))
  })
})

interface Sbom {
  metadata: { component: object }
  components: { name: string; version: string; hashes: { content: string }[]; components?: object[] }[]
}

/** Copies the tree including uncommitted changes, and the dependencies that `npm ci --omit=dev` would install. */
async function copyTree(copy: string): Promise<void> {
  await run(['git', 'clone', '--quiet', '--no-hardlinks', root, copy])
  const files = await run([
    'git',
    '-C',
    root,
    'ls-files',
    '--modified',
    '--others',
    '--exclude-standard',
    '--deduplicate',
  ])
  for (const file of files.trim().split('\n').filter(Boolean)) cpSync(join(root, file), join(copy, file))
  const bundled = Object.entries(readPackageLock()).filter(([path, { dev }]) => path !== '' && !dev)
  for (const [path] of bundled) {
    // Packages for other systems are not installed.
    if (existsSync(join(root, path))) cpSync(join(root, path), join(copy, path), { recursive: true })
  }
  mkdirSync(join(copy, '.cikit'))
  symlinkSync(join(workDir, 'cache'), join(copy, '.cikit/cache'))
}
