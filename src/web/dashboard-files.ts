import page from './dashboard/page.html' with { type: 'text' }
import { bundleDashboard } from './dashboard-bundle.ts' with { type: 'macro' }

export interface DashboardFile {
  type: string
  gzip: Uint8Array<ArrayBuffer>
}

const { files } = bundleDashboard()

/** Files by name; each name contains a hash of the content. */
export const dashboardFiles: ReadonlyMap<string, DashboardFile> = new Map(
  files.map(({ name, type, gzip }) => [name, { type, gzip: Uint8Array.fromBase64(gzip) }]),
)

/** The page with references to its entry files. */
export const dashboardPage = page.replace(
  '<!-- files -->',
  files
    .filter(({ isEntry, name }) => isEntry || name.endsWith('.css'))
    .map(({ name }) =>
      name.endsWith('.css')
        ? `<link rel="stylesheet" href="app/${name}">`
        : `<script type="module" src="app/${name}"></script>`,
    )
    .join('\n'),
)
