import { root } from './paths.ts'
import { run } from './run.ts'

/** Plain `--minify` would mangle names that Elysia reads from source text. */
const flags = [
  '--compile',
  '--minify-syntax',
  '--minify-whitespace',
  '--bytecode',
  '--format=esm',
  '--sourcemap',
  // Or the binary would run a bunfig.toml and read an .env of whatever folder it is started in.
  '--no-compile-autoload-dotenv',
  '--no-compile-autoload-bunfig',
]

interface CompileOptions {
  /** Where the binary is to lie. */
  outfile: string
  /** What it says to `--version`. */
  version: string
  /** For another system than this one, as Bun calls it, and the runtime of that system. */
  target?: { name: string; runtime: string }
  /** Where to write what went into it, as JSON. */
  metafile?: string
}

/** Makes a binary from `cli/main.ts`; the same sources, version and target make the same bytes. */
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
