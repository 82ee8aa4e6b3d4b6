import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import type { Schema } from '../../src/openapi/description.ts'
import { createDocument } from '../../src/openapi/document.ts'

/** What went over the wire, as far as the document says something of it. */
export interface Exchanged {
  method: string
  /** With or without a query. */
  path: string
  status: number
  headers: Headers
  /** As it came; of a stream, what it begins with. */
  text: string
  /** The fields that were sent as JSON. */
  sent?: unknown
}

interface Content {
  schema: Schema
}
interface Answer {
  headers: Record<string, { $ref: string }>
  content?: Record<string, Content>
  'x-events'?: Record<string, Schema>
}
interface Operation {
  requestBody?: { content: Record<string, Content> }
  responses: Record<string, Answer>
}

/** As a client reads it. */
const {
  paths,
  components,
}: {
  paths: Record<string, Record<string, Operation>>
  components: Record<string, Record<string, Schema>>
} = JSON.parse(JSON.stringify(createDocument()))

const ajv = new Ajv2020({ allErrors: true, strict: false })
addFormats(ajv)
const closedComponents = closed(components)
const validators = new Map<string, ValidateFunction>()
const templates = Object.keys(paths).map(template => ({
  template,
  pattern: new RegExp(`^${template.replace(/\{\w+\}/g, '[^/]+')}/?$`),
}))

/** What was seen to be as the document says: `GET /api/v1/droplet/list 200`. */
export const seen = new Set<string>()

/**
 * Holds an answer against the document: its route, status, headers, type and body, of which nothing may be undeclared; and
 * what was sent, when it was understood.
 * @throws Error saying what is not as the document has it
 */
export function checkAnswer({ method, path, status, headers, text, sent }: Exchanged): void {
  // As the server reads it, which takes the dots out of it.
  const bare = URL.parse(`http://localhost${path}`)?.pathname ?? ''
  const found = templates.find(({ pattern }) => pattern.test(bare))
  const operation = paths[found?.template ?? '']?.[method === 'HEAD' ? 'get' : method.toLowerCase()]
  const name = `${method} ${found?.template ?? bare} ${status}`
  if (!operation || !found) {
    checkNoRoute(name, text)
    return
  }
  const answer = operation.responses[status]
  if (!answer) throw new Error(`${name}: the document knows no such status: ${text}`)
  checkHeaders(name, answer, headers)
  if (method !== 'HEAD') checkBody(`${found.template} ${method} ${status}`, name, answer, headers, text)
  // What is not known in a body is ignored.
  const understood = operation.requestBody?.content['application/json']?.schema
  if (status < 300 && sent !== undefined && understood) {
    checkWith(`${found.template} ${method} body`, () => toValidator(understood, components), `${name} sent`, sent)
  }
  seen.add(name)
}

/** What is no route says so, unless the request is refused before that is known. */
function checkNoRoute(name: string, text: string): void {
  if (text === '' && name.startsWith('HEAD')) return
  const { errorId } = JSON.parse(text) as { errorId: number }
  if (![404, 917, 920, 921].includes(errorId)) throw new Error(`${name}: the document knows no such route: ${text}`)
}

function checkHeaders(name: string, answer: Answer, headers: Headers): void {
  for (const [header, { $ref }] of Object.entries(answer.headers)) {
    const { required, schema } = resolve($ref) as { required?: boolean; schema: Schema }
    const value = headers.get(header)
    if (value === null && required) throw new Error(`${name}: there is no ${header}`)
    if (value !== null) check($ref, `${name} ${header}`, schema, schema.type === 'integer' ? Number(value) : value)
  }
}

function checkBody(key: string, name: string, answer: Answer, headers: Headers, text: string): void {
  const [type, content] = Object.entries(answer.content ?? {})[0] ?? []
  const told = headers.get('content-type')?.replace('application/json;charset=utf-8', 'application/json') ?? undefined
  if (!type || !content) {
    if (text !== '') throw new Error(`${name}: the document knows no body: ${text}`)
    return
  }
  if (told !== type) throw new Error(`${name}: ${told} in place of ${type}`)
  check(key, name, content.schema, type === 'application/json' ? JSON.parse(text) : text)
  if (answer['x-events']) for (const event of eventsIn(text)) checkEvent(name, answer['x-events'], event)
}

function checkEvent(
  name: string,
  known: Record<string, Schema>,
  { event, data }: { event: string; data: string },
): void {
  const schema = known[event]
  if (!schema) throw new Error(`${name}: the document knows no event ${event}`)
  check(`event ${event}`, `${name} ${event}`, schema, JSON.parse(data))
}

/** Those that have come whole. */
function eventsIn(text: string): { event: string; data: string }[] {
  return [...text.matchAll(/(?:^|\n)event: (.*)\ndata: (.*)\n\n/g)].map(([, event = '', data = '']) => ({
    event,
    data,
  }))
}

/**
 * Nothing may be in the value that is not told of.
 * @param key by which the compiled schema is known
 */
export function check(key: string, name: string, schema: Schema, value: unknown): void {
  checkWith(key, () => toValidator(closed(schema), closedComponents), name, value)
}

function checkWith(key: string, make: () => ValidateFunction, name: string, value: unknown): void {
  const validate = validators.get(key) ?? make()
  validators.set(key, validate)
  if (validate(value)) return
  throw new Error(`${name}: ${ajv.errorsText(validate.errors)}: ${JSON.stringify(value)}`)
}

function toValidator(schema: Schema, named: Schema): ValidateFunction {
  return ajv.compile({ ...schema, components: named })
}

/** The same schema, in which nothing may be that is not told of. */
function closed(schema: Schema): Schema {
  return JSON.parse(JSON.stringify(schema), (_, value) => {
    const isBody = typeof value === 'object' && value !== null && 'properties' in value && isObject(value.type)
    return isBody ? { additionalProperties: false, ...value } : value
  })
}

function isObject(type: unknown): boolean {
  return [type].flat().includes('object')
}

function resolve(reference: string): Schema {
  const [kind = '', name = ''] = reference.split('/').slice(-2)
  const component = components[kind]?.[name]
  if (!component) throw new Error(`the document has no ${reference}`)
  return component
}
