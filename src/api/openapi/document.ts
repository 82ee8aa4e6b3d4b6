// Of the API, and not of the build: which commit runs here is nobody else's business.
import { version } from '../../../package.json'
import { okBody } from '../http/schema.ts'
import type { RouteDescription, TagSection } from './description.ts'
import { errorBody, errorExamples } from './errors.ts'
import { headerComponents } from './headers.ts'
import { toOperation } from './operation.ts'
import { parameterComponents, toTemplate } from './parameters.ts'
import { createSchemas } from './schemas.ts'

export type OpenApiDocument = ReturnType<typeof createDocument>
export type DocumentedOperation = ReturnType<typeof toOperation>

const description = `The REST API of a CIKit Matrix: a host that runs Docker, and on it droplets, containers that behave as virtual machines.

Log in with a name and the six digits of an authenticator app, and send the access token with every other request: as \`Authorization: Bearer TOKEN\`, or as \`access_token\` in the body of a POST, PATCH or DELETE. Never in the address: that is refused.

Bodies are JSON or \`application/x-www-form-urlencoded\`, 16 KiB at most; answers are JSON. An error is always \`{"error":"…","errorId":917}\`, and its id never changes its meaning. Every answer names its request in \`X-Request-Id\`, as the log does. What is no route answers 404.`

/**
 * The whole API in the words of OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.1), made from what each feature says of
 * its routes, their models and the catalogue of errors.
 */
export function createDocument(tagSections: readonly TagSection[]) {
  const models = Object.assign({ Error: errorBody, Ok: okBody }, ...tagSections.map(({ models }) => models))
  const { toSchema, components } = createSchemas(models)
  const paths: Record<string, Record<string, DocumentedOperation>> = {}
  for (const { name: tag, routes } of tagSections) {
    for (const [key, route] of Object.entries<RouteDescription>(routes)) {
      const [method = '', path = ''] = key.split(' ')
      const operation = toOperation({ tag, method, path, route }, toSchema)
      paths[toTemplate(path)] = { ...paths[toTemplate(path)], [method.toLowerCase()]: operation }
    }
  }
  return {
    openapi: '3.1.1',
    info: { title: 'CIKit Matrix API', version, description, license: { name: 'MIT', identifier: 'MIT' } },
    servers: [{ url: '/', description: 'This server' }],
    tags: tagSections.map(({ name, description }) => ({ name, description })),
    paths,
    components: {
      schemas: components(),
      parameters: parameterComponents,
      headers: headerComponents,
      examples: errorExamples,
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description: 'The access token of a login, 64 hex digits. What it may do is up to the group of its user.',
        },
      },
    },
  }
}
