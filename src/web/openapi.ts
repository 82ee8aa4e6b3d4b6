import type { ResponseDescription, TagSection } from '../api/openapi/description.ts'

const textResponse = (type: string, description: string, example: string): ResponseDescription => ({
  description,
  type: `${type}; charset=utf-8`,
  schema: { type: 'string' },
  example,
})
const notModified = { description: 'Not modified since the version in `If-None-Match`' }
const trailingSlashRedirect = {
  description: 'Redirect to the URL without the trailing slash',
  headers: ['Location'] as const,
}
const withEtag = (response: ResponseDescription) => ({
  200: { ...response, headers: ['ETag'] as const },
  304: notModified,
})
const pageResponse = textResponse('text/html', 'The page', '<!doctype html>…')
const scriptResponse = textResponse('text/javascript', 'The script', '// …')
const styleResponse = textResponse('text/css', 'The style sheet', ':root { … }')

export const pageSection: TagSection = {
  name: 'Pages',
  description: 'Static and public. They use only the API and load nothing from other servers.',
  routes: {
    'GET /': { summary: 'The dashboard', access: 'open', responses: withEtag(pageResponse) },
    'GET /app/:file': {
      summary: 'A file of the dashboard',
      description: 'The page references the files; a name changes with the content.',
      access: 'open',
      responses: { 200: scriptResponse },
      errors: ['routeNotFound'],
    },
    'GET /enrol': {
      summary: 'The enrolment page',
      description: 'Sets up an authenticator app with a link from the owner or a recovery code.',
      access: 'open',
      responses: { 200: pageResponse, 308: trailingSlashRedirect },
    },
    'GET /enrol/page.css': { summary: 'Style sheet of the page', access: 'open', responses: { 200: styleResponse } },
    'GET /enrol/page.js': { summary: 'Script of the page', access: 'open', responses: { 200: scriptResponse } },
    'GET /openapi.json': {
      summary: 'This document',
      access: 'open',
      responses: withEtag({
        description: 'The whole API in OpenAPI 3.1',
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
      summary: 'The API reference as a page',
      access: 'open',
      responses: { ...withEtag(pageResponse), 308: trailingSlashRedirect },
    },
    'GET /docs/page.css': { summary: 'Style sheet of the page', access: 'open', responses: withEtag(styleResponse) },
    'GET /docs/page.js': { summary: 'Script of the page', access: 'open', responses: withEtag(scriptResponse) },
  },
}
