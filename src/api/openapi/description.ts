import type { ErrorName } from '../../core/errors.ts'
import type { Group } from '../../core/groups.ts'

/** A JSON Schema (2020-12), possibly a TypeBox schema of a route. */
export type Schema = Readonly<Record<string, unknown>>

export type ObjectSchema = Schema & { readonly properties: Readonly<Record<string, Schema>> }

/** A route as the document describes it. Each feature describes its own routes. */
export interface RouteDescription {
  /** Needed where the words of the path are not unique. */
  operationId?: string
  /** A few words. */
  summary: string
  /** Paragraphs, with code in backquotes. */
  description?: string
  /** The guard of the route: `open`, `anyToken`, or the minimum group. */
  access: Access
  /** The query schema of the route. Path parameters are described by their names. */
  query?: ObjectSchema
  headers?: Record<string, Parameter>
  /** The body schema of the route, for JSON and for forms. */
  request?: { schema: ObjectSchema; example: unknown }
  /** By status. Error responses are derived from `errors`. */
  responses: Record<number, ResponseDescription>
  /** In addition to the errors that all routes of this kind have in common. */
  errors?: readonly ErrorName[]
}

export type Access = 'open' | 'anyToken' | Group

export interface Parameter {
  description: string
  schema: Schema
  example?: string | number
}

export interface ResponseDescription {
  description: string
  /** Default: `application/json`. Without a schema there is no body. */
  type?: string
  schema?: Schema
  example?: unknown
  /** In addition to the headers that all responses have. */
  headers?: readonly ResponseHeader[]
  /** The data of a stream's events, by event name. */
  events?: Record<string, Schema>
}

type ResponseHeader = 'Location' | 'Preference-Applied' | 'ETag'

/** The routes of a feature by method and path: `GET /api/v1/droplet/list`. */
export type RouteDescriptions = Record<`${'GET' | 'POST' | 'PATCH' | 'DELETE'} /${string}`, RouteDescription>

/** A section of the document. */
export interface TagSection {
  name: string
  description: string
  routes: RouteDescriptions
  /** Schemas that the document defines once and references elsewhere. */
  models?: Record<string, Schema>
}

export function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
