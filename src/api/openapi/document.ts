// The API's version, not the build's: the running commit is not public.
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

const description = `The REST API of a CIKit Matrix: a Docker host whose droplets are containers that behave as virtual machines.

Log in with a username and a six-digit code from an authenticator app. Send the access token with every other request: as \`Authorization: Bearer TOKEN\`, or as \`access_token\` in the body of a POST, PATCH or DELETE. Tokens in the query string are rejected.

Request bodies are JSON or \`application/x-www-form-urlencoded\`, at most 16 KiB; responses are JSON. Errors are always \`{"error":"…","errorId":917}\`, and an ID never changes its meaning. Every response has the request's ID in \`X-Request-Id\`, which the log also shows. Unknown routes return 404.`

/**
 * The OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.1), built from the features' descriptions, the routes'
 * schemas and the error catalogue.
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
          description: 'The access token from a login, 64 hex digits. Its permissions are those of the user’s group.',
        },
      },
    },
  }
}
