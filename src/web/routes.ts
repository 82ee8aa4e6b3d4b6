import { Elysia } from 'elysia'
import type { Guard } from '../http/guards.ts'
import enrolStyle from './enrol/page.css' with { type: 'text' }
import enrolPage from './enrol/page.html' with { type: 'text' }
import enrolScript from './enrol/page.js' with { type: 'text' }

/** The pages for people, which use nothing but the API. They are the same for everybody and hold nothing of anybody. */
export function createWebRoutes(guard: Guard) {
  return new Elysia({ name: 'web-routes' })
    .use(guard)
    .get('/enrol', withoutSlash(file(enrolPage, 'text/html')), { open: true })
    .get('/enrol/page.css', file(enrolStyle, 'text/css'), { open: true })
    .get('/enrol/page.js', file(enrolScript, 'text/javascript'), { open: true })
}

type Context = { path: string; set: { status?: number | string; headers: Record<string, string | number | undefined> } }

/** The page finds its files beside itself, which is elsewhere for a path with a slash at its end. The fragment goes along. */
function withoutSlash(page: (context: Context) => string) {
  return (context: Context) => {
    if (!context.path.endsWith('/')) return page(context)
    context.set.status = 308
    context.set.headers.location = '../enrol'
    return ''
  }
}

function file(text: string, type: string) {
  return ({ set }: Context) => {
    set.headers['content-type'] = `${type}; charset=utf-8`
    return text
  }
}
