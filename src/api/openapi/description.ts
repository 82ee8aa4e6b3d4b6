import type { ErrorName } from '../../core/errors.ts'
import type { Group } from '../../core/groups.ts'

/** A JSON Schema (2020-12), or a model of a route, which is one. */
export type Schema = Readonly<Record<string, unknown>>

/** What the document says of a route, beside what it says of all of them. Each feature has its own, beside its routes. */
export interface RouteDescription {
  /** Where the words of the path alone do not tell it from another route. */
  operationId?: string
  /** A few words. */
  summary: string
  /** More of them, where there is more to know: paragraphs, with code in backquotes. */
  description?: string
  /** As the route's guard has it: `open`, `anyToken`, or the least group. */
  access: Access
  /** Those of the path are known by their names. */
  query?: Record<string, Parameter>
  headers?: Record<string, Parameter>
  /** The fields of a body, as JSON or as a form. */
  request?: { schema: Schema; example: unknown }
  /** By status. Errors are made from `errors`. */
  responses: Record<number, ResponseDescription>
  /** What is refused beside what every route of this kind may refuse. */
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
  /** `application/json` where there is an example and nothing else is said; without an example there is no body. */
  type?: string
  schema?: Schema
  example?: unknown
  /** Headers that this answer has beside those of all answers. */
  headers?: readonly ResponseHeader[]
  /** The data of each event of a stream, by its name. */
  events?: Record<string, Schema>
}

export type ResponseHeader = 'Location' | 'Preference-Applied' | 'ETag'

/** The routes of a feature, as the app names them: `GET /api/v1/droplet/list`. */
export type RouteDescriptions = Record<`${'GET' | 'POST' | 'PATCH' | 'DELETE'} /${string}`, RouteDescription>

/** What one part of the document is about. */
export interface TagSection {
  name: string
  description: string
  routes: RouteDescriptions
  /** The bodies that are told of once and named elsewhere. */
  models?: Record<string, Schema>
}
