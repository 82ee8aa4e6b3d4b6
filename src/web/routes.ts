import { Elysia } from 'elysia'
import { ApiError } from '../errors.ts'
import type { Guard } from '../http/guards.ts'
import { kept } from '../http/kept-text.ts'
import baseStyle from './base.css' with { type: 'text' }
import docsStyle from './docs/page.css' with { type: 'text' }
import docsScript from './docs/page.js' with { type: 'text' }
import enrolStyle from './enrol/page.css' with { type: 'text' }
import enrolPage from './enrol/page.html' with { type: 'text' }
import enrolScript from './enrol/page.js' with { type: 'text' }

/** The pages for people, which use nothing but the API. They are the same for everybody and hold nothing of anybody. */
export function createWebRoutes(guard: Guard) {
  return new Elysia({ name: 'web-routes' })
    .use(guard)
    .get('/', kept('text/html; charset=utf-8', makeDashboard), { open: true })
    .get('/app/:file', dashboardFile, { open: true })
    .get('/enrol', withoutSlash(file(enrolPage, 'text/html')), { open: true })
    .get('/enrol/page.css', file(`${baseStyle}\n${enrolStyle}`, 'text/css'), { open: true })
    .get('/enrol/page.js', file(enrolScript, 'text/javascript'), { open: true })
    .get('/openapi.json', kept('application/json', makeDocument), { open: true })
    .get('/docs', withoutSlash(kept('text/html; charset=utf-8', makePage)), { open: true })
    .get(
      '/docs/page.css',
      kept('text/css; charset=utf-8', async () => `${baseStyle}\n${docsStyle}`),
      { open: true },
    )
    .get(
      '/docs/page.js',
      kept('text/javascript; charset=utf-8', async () => docsScript),
      { open: true },
    )
}

interface Context {
  path: string
  request: Request
  set: { status?: number | string; headers: Record<string, string | number | undefined> }
}

/** The page finds its files beside itself, which is elsewhere for a path with a slash at its end. The fragment goes along. */
function withoutSlash<T>(page: (context: Context) => T) {
  return (context: Context) => {
    if (!context.path.endsWith('/')) return page(context)
    context.set.status = 308
    context.set.headers.location = `..${context.path.slice(0, -1)}`
    return ''
  }
}

function file(text: string, type: string) {
  return ({ set }: Context) => {
    set.headers['content-type'] = `${type}; charset=utf-8`
    return text
  }
}

// Nobody reads them in most lives of the program: they are made when somebody does.

async function makeDocument(): Promise<string> {
  const { createDocument } = await import('../openapi/document.ts')
  return JSON.stringify(createDocument())
}

async function makeDashboard(): Promise<string> {
  return (await import('./dashboard-files.ts')).dashboardPage
}

/** A part of the dashboard. Its name changes with its content, so that it is never asked for a second time. */
async function dashboardFile({ request, params, set }: Context & { params: { file: string } }): Promise<Response> {
  const { dashboardFiles } = await import('./dashboard-files.ts')
  const file = dashboardFiles.get(params.file)
  if (!file) throw new ApiError('routeNotFound')
  set.headers['content-type'] = file.type
  set.headers['cache-control'] = 'public, max-age=31536000, immutable'
  set.headers.vary = 'Accept-Encoding'
  // RFC 9110 section 12.5.3; what a client does not want to have compressed is a rare thing.
  const takesGzip = /\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/i.test(request.headers.get('accept-encoding') ?? '')
  if (!takesGzip) return new Response(Bun.gunzipSync(file.gzip))
  set.headers['content-encoding'] = 'gzip'
  return new Response(file.gzip)
}

async function makePage(): Promise<string> {
  const [{ createDocument }, { docsPage }] = await Promise.all([
    import('../openapi/document.ts'),
    import('./docs/render.ts'),
  ])
  return docsPage(createDocument())
}
