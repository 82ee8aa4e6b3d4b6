import { $ } from 'bun'

/** Makes `dist/cikit-api` from `cli/main.ts`. Plain `--minify` would mangle names that Elysia reads from source text. */
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

await $`bun build cli/main.ts ${flags} --outfile dist/cikit-api`
