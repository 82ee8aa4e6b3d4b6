import { Elysia } from 'elysia'
import { cachedText } from '../api/http/etag.ts'
import type { Guard } from '../api/http/guards.ts'
import { ApiError } from '../core/errors.ts'
import baseStyle from './base.css' with { type: 'text' }
import docsStyle from './docs/page.css' with { type: 'text' }
import docsScript from './docs/page.js' with { type: 'text' }
import enrolStyle from './enrol/page.css' with { type: 'text' }
import enrolPage from './enrol/page.html' with { type: 'text' }
import enrolScript from './enrol/page.js' with { type: 'text' }

/** The web pages. They are static and public; all data comes from the API. */
export function createWebRoutes(guard: Guard) {
  return new Elysia({ name: 'web-routes' })
    .use(guard)
    .get('/', cachedText('text/html; charset=utf-8', renderDashboard), { open: true })
    .get('/app/:file', serveDashboardFile, { open: true })
    .get('/enrol', redirectTrailingSlash(staticText(enrolPage, 'text/html')), { open: true })
    .get('/enrol/page.css', staticText(`${baseStyle}\n${enrolStyle}`, 'text/css'), { open: true })
    .get('/enrol/page.js', staticText(enrolScript, 'text/javascript'), { open: true })
    .get('/openapi.json', cachedText('application/json', renderDocument), { open: true })
    .get('/docs', redirectTrailingSlash(cachedText('text/html; charset=utf-8', renderDocs)), { open: true })
    .get(
      '/docs/page.css',
      cachedText('text/css; charset=utf-8', async () => `${baseStyle}\n${docsStyle}`),
      { open: true },
    )
    .get(
      '/docs/page.js',
      cachedText('text/javascript; charset=utf-8', async () => docsScript),
      { open: true },
    )
}

interface Context {
  path: string
  request: Request
  set: { status?: number | string; headers: Record<string, string | number | undefined> }
}

/** Pages use relative URLs, which a trailing slash would break. Browsers keep the fragment. */
function redirectTrailingSlash<T>(handler: (context: Context) => T) {
  return (context: Context) => {
    if (!context.path.endsWith('/')) return handler(context)
    context.set.status = 308
    context.set.headers.location = `..${context.path.slice(0, -1)}`
    return ''
  }
}

function staticText(text: string, type: string) {
  return ({ set }: Context) => {
    set.headers['content-type'] = `${type}; charset=utf-8`
    return text
  }
}

// Loaded on the first request: most processes never serve these pages.

async function renderDocument(): Promise<string> {
  const { createApiDocument } = await import('./api-document.ts')
  return JSON.stringify(createApiDocument())
}

async function renderDashboard(): Promise<string> {
  return (await import('./dashboard-files.ts')).dashboardPage
}

/** The name contains a hash of the content, so browsers cache the file for ever. */
async function serveDashboardFile({ request, params, set }: Context & { params: { file: string } }): Promise<Response> {
  const { dashboardFiles } = await import('./dashboard-files.ts')
  const file = dashboardFiles.get(params.file)
  if (!file) throw new ApiError('routeNotFound')
  set.headers['content-type'] = file.type
  set.headers['cache-control'] = 'public, max-age=31536000, immutable'
  set.headers.vary = 'Accept-Encoding'
  // RFC 9110 section 12.5.3. Files are stored compressed; few clients refuse gzip.
  const acceptsGzip = /\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/i.test(request.headers.get('accept-encoding') ?? '')
  if (!acceptsGzip) return new Response(Bun.gunzipSync(file.gzip))
  set.headers['content-encoding'] = 'gzip'
  return new Response(file.gzip)
}

async function renderDocs(): Promise<string> {
  const [{ createApiDocument }, { docsPage }] = await Promise.all([
    import('./api-document.ts'),
    import('./docs/render.ts'),
  ])
  return docsPage(createApiDocument())
}
