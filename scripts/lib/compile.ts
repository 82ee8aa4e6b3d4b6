import { root } from './paths.ts'
import { run } from './run.ts'

/** Not plain `--minify`: it mangles names that Elysia reads from source text. */
const flags = [
  '--compile',
  '--minify-syntax',
  '--minify-whitespace',
  '--bytecode',
  '--format=esm',
  '--sourcemap',
  // Otherwise the binary runs the bunfig.toml and reads the .env of the folder it is started in.
  '--no-compile-autoload-dotenv',
  '--no-compile-autoload-bunfig',
]

interface CompileOptions {
  outfile: string
  /** What `--version` prints. */
  version: string
  /** Bun's name of another system, and the path of that system's runtime. */
  target?: { name: string; runtime: string }
  /** Where to write the list of inputs, as JSON. */
  metafile?: string
}

/** Compiles `cli/main.ts`. Builds of the same sources, version and target are identical. */
export async function compile({ outfile, version, target, metafile }: CompileOptions): Promise<void> {
  const optionalFlags = [
    ...(target ? [`--target=${target.name}`, `--compile-executable-path=${target.runtime}`] : []),
    ...(metafile ? [`--metafile=${metafile}`] : []),
  ]
  const define = `BUILT_VERSION=${JSON.stringify(version)}`
  await run([
    'bun',
    `--cwd=${root}`,
    'build',
    'cli/main.ts',
    ...flags,
    '--define',
    define,
    ...optionalFlags,
    '--outfile',
    outfile,
  ])
}
