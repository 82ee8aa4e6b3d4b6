import type { ResponseDescription, TagSection } from '../api/openapi/description.ts'

const textResponse = (type: string, description: string, example: string): ResponseDescription => ({
  description,
  type: `${type}; charset=utf-8`,
  schema: { type: 'string' },
  example,
})
const notModified = { description: 'The same as `If-None-Match` names' }
const trailingSlashRedirect = {
  description: 'To the same without the slash at its end',
  headers: ['Location'] as const,
}
const withEtag = (response: ResponseDescription) => ({
  200: { ...response, headers: ['ETag'] as const },
  304: notModified,
})
const pageResponse = textResponse('text/html', 'The page', '<!doctype html>…')
const scriptResponse = textResponse('text/javascript', 'The script', '// …')
const styleResponse = textResponse('text/css', 'The style sheet', ':root { … }')

/** What the document says of the pages for people, itself among them. */
export const pageSection: TagSection = {
  name: 'Pages',
  description: 'The same for everybody. They use nothing but the API, and nothing of them comes from another server.',
  routes: {
    'GET /': { summary: 'The dashboard', access: 'open', responses: withEtag(pageResponse) },
    'GET /app/:file': {
      summary: 'A part of the dashboard',
      description: 'The page names them, and a name changes with the content.',
      access: 'open',
      responses: { 200: scriptResponse },
      errors: ['routeNotFound'],
    },
    'GET /enrol': {
      summary: 'The page that sets up a phone',
      description: 'By a link that the owner gave, or by a recovery code.',
      access: 'open',
      responses: { 200: pageResponse, 308: trailingSlashRedirect },
    },
    'GET /enrol/page.css': { summary: 'Its style sheet', access: 'open', responses: { 200: styleResponse } },
    'GET /enrol/page.js': { summary: 'Its script', access: 'open', responses: { 200: scriptResponse } },
    'GET /openapi.json': {
      summary: 'This document',
      access: 'open',
      responses: withEtag({
        description: 'All of the API, in OpenAPI 3.1',
        schema: {
          type: 'object',
          required: ['openapi', 'info', 'paths'],
          properties: {
            openapi: { type: 'string' },
            info: { type: 'object' },
            servers: { type: 'array' },
            tags: { type: 'array' },
            paths: { type: 'object' },
            components: { type: 'object' },
          },
        },
        example: { openapi: '3.1.1', info: { title: 'CIKit Matrix API', version: '0.1.0' }, paths: {} },
      }),
    },
    'GET /docs': {
      summary: 'The same for people to read',
      access: 'open',
      responses: { ...withEtag(pageResponse), 308: trailingSlashRedirect },
    },
    'GET /docs/page.css': { summary: 'Its style sheet', access: 'open', responses: withEtag(styleResponse) },
    'GET /docs/page.js': { summary: 'Its script', access: 'open', responses: withEtag(scriptResponse) },
  },
}
