import { describe, expect, test } from 'bun:test'
import { Validator } from '@seriousme/openapi-schema-validator'
import { URI } from 'otpauth'
import type { ObjectSchema, RouteDescription, Schema } from '../../../src/api/openapi/description.ts'
import { catalogue } from '../../../src/core/errors.ts'
import { createApiDocument, tagSections } from '../../../src/web/api-document.ts'
import { validateStrict } from '../../testkit/api/openapi-contract.ts'
import { createTestApi } from '../../testkit/api/test-api.ts'

const document = createApiDocument()
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, operation })),
)
const describedRoutes = new Map(tagSections.flatMap(({ routes }) => Object.entries<RouteDescription>(routes)))

interface RouteSchemas {
  body?: ObjectSchema
  query?: ObjectSchema
  response?: Record<number, Schema>
}

/** The routes of the app with their own schemas. */
async function appRoutes() {
  await using api = await createTestApi()
  return api.app.routes.map(({ method, path, hooks }) => {
    const { body, query, response = {} }: RouteSchemas = hooks
    return { name: `${method} ${path.replace(/(?<=.)\/$/, '')}`, method, body, query, responses: response }
  })
}

test('is valid OpenAPI 3.1', async () => {
  const validator = new Validator({ strict: false })
  const { valid, errors } = await validator.validate(JSON.parse(JSON.stringify(document)))
  expect(errors).toBeUndefined()
  expect([valid, validator.version]).toEqual([true, '3.1'])
})

test('has an operation for every route, and no other', async () => {
  const routes = (await appRoutes()).map(({ name }) => name)
  expect([...describedRoutes.keys()].toSorted()).toEqual(routes.toSorted())
  expect(operations.map(({ name }) => name).toSorted()).toEqual(
    routes.map(name => name.replace(/:(\w+)/g, '{$1}')).toSorted(),
  )
})

test('the document describes the body and the query by the schemas of the route', async () => {
  for (const { name, method, body, query } of await appRoutes()) {
    const described = describedRoutes.get(name)
    const hasFields = Object.keys(body?.properties ?? {}).some(field => field !== 'access_token')
    expect([name, body !== undefined]).toEqual([name, method !== 'GET'])
    expect(described?.request?.schema).toBe(hasFields ? body : undefined)
    if (query && Object.keys(query.properties).length > 0) expect(described?.query).toBe(query)
    else expect([name, described?.query]).toEqual([name, undefined])
  }
})

test('the document describes the responses by the schemas of the route', async () => {
  for (const { name, responses } of await appRoutes()) {
    for (const [status, schema] of Object.entries(responses)) {
      const response = describedRoutes.get(name)?.responses[Number(status)]
      expect([name, status, JSON.stringify(response?.schema)]).toEqual([name, status, JSON.stringify(schema)])
    }
  }
})

test('every operation has a unique id, a summary and a curl example', () => {
  const names = operations.map(({ operation }) => operation.operationId)
  expect(new Set(names).size).toBe(names.length)
  for (const { operation } of operations) {
    expect(operation.summary).toMatch(/^[A-Z].*[^.]$/)
    expect(operation['x-codeSamples'][0]?.source).toMatch(/^curl -s/)
    expect(document.tags.map(({ name }) => name)).toEqual(expect.arrayContaining(operation.tags))
  }
})

describe('examples', () => {
  const bodies = operations.flatMap(({ name, operation }) => {
    const request = Object.entries<Body>(operation.requestBody?.content ?? {}).map(([type, body]) => ({
      name: `${name} ${type}`,
      body,
    }))
    const responses = Object.entries<{ content?: Record<string, Body> }>(operation.responses).flatMap(
      ([status, { content = {} }]) => Object.values(content).map(body => ({ name: `${name} ${status}`, body })),
    )
    return [...request, ...responses]
  })

  test('exist for every body and match its schema', () => {
    expect(bodies.length).toBeGreaterThan(operations.length * 4)
    for (const { name, body } of bodies) {
      const examples = body.examples ? Object.values(body.examples).map(exampleAt) : [body.example]
      expect([name, examples.length]).not.toEqual([name, 0])
      for (const example of examples) validateStrict(name, name, body.schema, example)
    }
  })

  test('are rejected if they do not match', () => {
    const { example, schema = {} } = bodies.find(({ name }) => name === 'GET /api/v1/droplet/list 200')?.body ?? {}
    const [droplet] = example as Record<string, unknown>[]
    expect(() => validateStrict('droplets', 'more', schema, [{ ...droplet, more: 1 }])).toThrow('additional properties')
    expect(() => validateStrict('droplets', 'less', schema, [{ ...droplet, health: 'well' }])).toThrow('allowed values')
  })
})

test('references every error of the catalogue, and every reference resolves', () => {
  const text = JSON.stringify(document.paths)
  const named = new Set([...text.matchAll(/#\/components\/examples\/(\w+)/g)].map(([, name]) => name))
  expect([...named].toSorted()).toEqual(Object.keys(catalogue).toSorted())
  expect(document.info.description).toContain('Unknown routes return 404')
  for (const [, reference = ''] of JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)) {
    const target = reference.split('/').reduce<unknown>((node, key) => (node as Record<string, unknown>)[key], document)
    expect([reference, target]).not.toEqual([reference, undefined])
  }
})

test('states who may call a route, for people and for programs', () => {
  const add = document.paths['/api/v1/droplet/add']?.post
  expect(add).toMatchObject({ 'x-group': 'manager', security: [{ bearer: [] }] })
  expect(add?.description).toContain('Needs group `manager`')
  expect(document.paths['/api/v1/user/auth']?.post).toMatchObject({ 'x-group': 'open', security: [] })
})

test('the example of an otpauth address is what the server generates', () => {
  const example = redeemedExample()
  expect(URI.parse(example.otpauth_url)).toMatchObject({
    ...{ issuer: 'CIKIT Matrix (ann)', label: 'matrix', algorithm: 'SHA1', digits: 6, period: 30 },
    secret: { base32: example.secret },
  })
})

function redeemedExample() {
  const route = describedRoutes.get('POST /api/v1/user/auth/enrol')
  const example: { secret: string; otpauth_url: string } = JSON.parse(JSON.stringify(route?.responses[200]?.example))
  return example
}

interface Body {
  schema: Schema
  example?: unknown
  examples?: Record<string, { $ref: string }>
}

function exampleAt({ $ref }: { $ref: string }): unknown {
  return Object.entries(document.components.examples).find(([name]) => $ref.endsWith(`/${name}`))?.[1].value
}
