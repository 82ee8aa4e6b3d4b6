import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import type { Schema } from '../../../src/api/openapi/description.ts'
import { createApiDocument } from '../../../src/web/api-document.ts'

/** The parts of a request and response that the OpenAPI document describes. */
interface HttpExchange {
  method: string
  /** With or without a query. */
  path: string
  status: number
  headers: Headers
  /** The raw body; the first chunk of a stream. */
  text: string
  /** The JSON body of the request. */
  requestBody?: unknown
}

interface Content {
  schema: Schema
}
interface DocumentedResponse {
  headers: Record<string, { $ref: string }>
  content?: Record<string, Content>
  'x-events'?: Record<string, Schema>
}
interface Operation {
  requestBody?: { content: Record<string, Content> }
  responses: Record<string, DocumentedResponse>
}

/** The document as a client reads it, through JSON. */
const {
  paths,
  components,
}: {
  paths: Record<string, Record<string, Operation>>
  components: Record<string, Record<string, Schema>>
} = JSON.parse(JSON.stringify(createApiDocument()))

const ajv = new Ajv2020({ allErrors: true, strict: false })
addFormats(ajv)
const strictComponents = toStrict(components)
const validators = new Map<string, ValidateFunction>()
const templates = Object.keys(paths).map(template => ({
  template,
  pattern: new RegExp(`^${template.replace(/\{\w+\}/g, '[^/]+')}/?$`),
}))

/** Responses that matched the document: `GET /api/v1/droplet/list 200`. */
export const seenResponses = new Set<string>()

/**
 * Validates a response against the document: route, status, headers, type and body, without undeclared fields. Also
 * validates the request body of a success.
 * @throws Error that names the difference
 */
export function validateExchange({ method, path, status, headers, text, requestBody }: HttpExchange): void {
  // Resolves dot segments as the server does.
  const pathname = URL.parse(`http://localhost${path}`)?.pathname ?? ''
  const route = templates.find(({ pattern }) => pattern.test(pathname))
  const operation = paths[route?.template ?? '']?.[method === 'HEAD' ? 'get' : method.toLowerCase()]
  const name = `${method} ${route?.template ?? pathname} ${status}`
  if (!operation || !route) {
    checkUnknownRoute(name, text)
    return
  }
  const documented = operation.responses[status]
  if (!documented) throw new Error(`${name}: the document has no such status: ${text}`)
  checkHeaders(name, documented, headers)
  if (method !== 'HEAD') checkBody(`${route.template} ${method} ${status}`, name, documented, headers, text)
  // Requests may have unknown fields; the server ignores them.
  const bodySchema = operation.requestBody?.content['application/json']?.schema
  if (status < 300 && requestBody !== undefined && bodySchema) {
    validateWith(
      `${route.template} ${method} body`,
      () => compileSchema(bodySchema, components),
      `${name} sent`,
      requestBody,
    )
  }
  seenResponses.add(name)
}

/** An unknown route returns 404, unless the request is rejected before routing. */
function checkUnknownRoute(name: string, text: string): void {
  if (text === '' && name.startsWith('HEAD')) return
  const { errorId }: { errorId: number } = JSON.parse(text)
  if (![404, 917, 920, 921].includes(errorId)) throw new Error(`${name}: the document has no such route: ${text}`)
}

function checkHeaders(name: string, documented: DocumentedResponse, headers: Headers): void {
  for (const [header, { $ref }] of Object.entries(documented.headers)) {
    const { required, schema } = resolveReference($ref) as { required?: boolean; schema: Schema }
    const value = headers.get(header)
    if (value === null && required) throw new Error(`${name}: the header ${header} is missing`)
    if (value !== null)
      validateStrict($ref, `${name} ${header}`, schema, schema.type === 'integer' ? Number(value) : value)
  }
}

function checkBody(key: string, name: string, documented: DocumentedResponse, headers: Headers, text: string): void {
  const [type, content] = Object.entries(documented.content ?? {})[0] ?? []
  const contentType =
    headers.get('content-type')?.replace('application/json;charset=utf-8', 'application/json') ?? undefined
  if (!type || !content) {
    if (text !== '') throw new Error(`${name}: the document has no body: ${text}`)
    return
  }
  if (contentType !== type) throw new Error(`${name}: the content type is ${contentType} instead of ${type}`)
  validateStrict(key, name, content.schema, type === 'application/json' ? JSON.parse(text) : text)
  if (documented['x-events']) for (const event of eventsIn(text)) checkEvent(name, documented['x-events'], event)
}

function checkEvent(
  name: string,
  eventSchemas: Record<string, Schema>,
  { event, data }: { event: string; data: string },
): void {
  const schema = eventSchemas[event]
  if (!schema) throw new Error(`${name}: the document has no event ${event}`)
  validateStrict(`event ${event}`, `${name} ${event}`, schema, JSON.parse(data))
}

/** The complete events of a stream. */
function eventsIn(text: string): { event: string; data: string }[] {
  return [...text.matchAll(/(?:^|\n)event: (.*)\ndata: (.*)\n\n/g)].map(([, event = '', data = '']) => ({
    event,
    data,
  }))
}

/**
 * Validates a value without undeclared fields.
 * @param key cache key of the compiled schema
 */
export function validateStrict(key: string, name: string, schema: Schema, value: unknown): void {
  validateWith(key, () => compileSchema(toStrict(schema), strictComponents), name, value)
}

function validateWith(key: string, createValidator: () => ValidateFunction, name: string, value: unknown): void {
  const validate = validators.get(key) ?? createValidator()
  validators.set(key, validate)
  if (validate(value)) return
  throw new Error(`${name}: ${ajv.errorsText(validate.errors)}: ${JSON.stringify(value)}`)
}

function compileSchema(schema: Schema, componentSchemas: Schema): ValidateFunction {
  return ajv.compile({ ...schema, components: componentSchemas })
}

/** The same schema without additional properties. */
function toStrict(schema: Schema): Schema {
  return JSON.parse(JSON.stringify(schema), (_, value) => {
    const isBody = typeof value === 'object' && value !== null && 'properties' in value && isObject(value.type)
    return isBody ? { additionalProperties: false, ...value } : value
  })
}

function isObject(type: unknown): boolean {
  return [type].flat().includes('object')
}

function resolveReference(reference: string): Schema {
  const [kind = '', name = ''] = reference.split('/').slice(-2)
  const component = components[kind]?.[name]
  if (!component) throw new Error(`the document has no ${reference}`)
  return component
}
