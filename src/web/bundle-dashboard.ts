import { basename, extname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { DashboardBundle } from './dashboard-bundle.ts'

// Prints the bundled dashboard as JSON, for `dashboard-bundle.ts`.

const folder = join(import.meta.dir, 'dashboard')
const types: Record<string, string> = { '.js': 'text/javascript', '.css': 'text/css' }

const { outputs, metafile } = await Bun.build({
  entrypoints: [join(folder, 'main.tsx')],
  target: 'browser',
  splitting: true,
  minify: true,
  metafile: true,
  naming: { entry: 'app-[hash].[ext]', chunk: '[name]-[hash].[ext]', asset: '[name]-[hash].[ext]' },
  define: { 'process.env.NODE_ENV': '"production"' },
  tsconfig: join(folder, 'tsconfig.json'),
})
const files = await Promise.all(
  outputs.map(async output => ({
    name: basename(output.path),
    type: `${types[extname(output.path)] ?? 'application/octet-stream'}; charset=utf-8`,
    isEntry: output.kind === 'entry-point',
    gzip: gzipSync(await output.arrayBuffer(), { level: 9 }).toString('base64'),
  })),
)
const bundle: DashboardBundle = { files, inputs: Object.keys(metafile?.inputs ?? {}) }
process.stdout.write(JSON.stringify(bundle))
