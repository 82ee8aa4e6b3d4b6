import type { TSchema, ValidationError } from 'elysia'
import { ApiError } from '../../core/errors.ts'
import { type FieldError, type FieldErrors, isAbsent } from './fields.ts'

/**
 * The API error of a request that does not match its route's schema: a missing field comes before an invalid one, and
 * earlier fields before later ones. The text never contains the invalid value.
 */
export function toFieldError({ validator, value, all }: ValidationError): ApiError {
  const schema: TSchema = 'Schema' in validator ? validator.Schema() : validator
  const fields: Record<string, TSchema> = schema.properties ?? {}
  const failedNames = new Set(all.map(error => ('path' in error ? error.path.split('/')[1] : undefined)))
  const failed = Object.entries(fields).filter(([name]) => failedNames.has(name))
  for (const [name, field] of failed) {
    const { missing } = errorsOf(field)
    if (missing && isAbsent(fieldOf(value, name))) return toApiError(missing, name)
  }
  const [firstFailed] = failed
  if (firstFailed) {
    const [name, field] = firstFailed
    return toApiError(errorsOf(field).invalid ?? ['malformed'], name)
  }
  // Only a query rejects unknown names.
  const names = Object.keys(fields)
  const text = names.length > 0 ? `Unknown query parameter: use ${names.join(', ')}` : 'This route takes no query'
  return new ApiError('malformed', { text })
}

function errorsOf(field: TSchema): FieldErrors {
  return field.errors ?? {}
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? new Map(Object.entries(value)).get(name) : undefined
}

function toApiError([kind, text]: FieldError, name: string): ApiError {
  return new ApiError(kind, text === undefined ? {} : { text: text.replace('{field}', name) })
}
