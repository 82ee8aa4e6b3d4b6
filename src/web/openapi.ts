import type { Answer, Chapter } from '../openapi/description.ts'

const text = (type: string, description: string, example: string): Answer => ({
  description,
  type: `${type}; charset=utf-8`,
  schema: { type: 'string' },
  example,
})
const notModified = { description: 'The same as `If-None-Match` names' }
const slash = { description: 'To the same without the slash at its end', headers: ['Location'] as const }
const kept = (answer: Answer) => ({ 200: { ...answer, headers: ['ETag'] as const }, 304: notModified })
const page = text('text/html', 'The page', '<!doctype html>…')
const script = text('text/javascript', 'The script', '// …')
const style = text('text/css', 'The style sheet', ':root { … }')

/** What the document says of the pages for people, itself among them. */
export const pageChapter: Chapter = {
  name: 'Pages',
  description: 'The same for everybody. They use nothing but the API, and nothing of them comes from another server.',
  routes: {
    'GET /': { summary: 'The dashboard', caller: 'open', answers: kept(page) },
    'GET /app/:file': {
      summary: 'A part of the dashboard',
      description: 'The page names them, and a name changes with the content.',
      caller: 'open',
      answers: { 200: script },
      errors: ['routeNotFound'],
    },
    'GET /enrol': {
      summary: 'The page that sets up a phone',
      description: 'By a link that the owner gave, or by a recovery code.',
      caller: 'open',
      answers: { 200: page, 308: slash },
    },
    'GET /enrol/page.css': { summary: 'Its style sheet', caller: 'open', answers: { 200: style } },
    'GET /enrol/page.js': { summary: 'Its script', caller: 'open', answers: { 200: script } },
    'GET /openapi.json': {
      summary: 'This document',
      caller: 'open',
      answers: kept({
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
      caller: 'open',
      answers: { ...kept(page), 308: slash },
    },
    'GET /docs/page.css': { summary: 'Its style sheet', caller: 'open', answers: kept(style) },
    'GET /docs/page.js': { summary: 'Its script', caller: 'open', answers: kept(script) },
  },
}
