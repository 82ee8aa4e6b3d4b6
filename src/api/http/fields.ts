import { type TSchema, t } from 'elysia'
import { TypeSystem } from 'elysia/type-system'
import type { ErrorName } from '../../core/errors.ts'

/** An error of the catalogue, optionally with a more specific text, in which `{field}` is the name of the field. */
export type FieldError = readonly [kind: ErrorName, text?: string]

/** The keyword `errors` of a field's schema: the API errors for a field that fails validation. */
export interface FieldErrors {
  /** For a field that is absent, null or empty; without it `invalid` applies. */
  missing?: FieldError
  /** Without it, 917. */
  invalid?: FieldError
}

interface Keywords {
  description?: string
  /** Elysia fills in a `default`, so a field documents its default value under this name. */
  defaultValue?: unknown
  example?: string | number
  errors?: FieldErrors
}

/** Whether a field was left out or sent empty. */
export function isAbsent(field: unknown): boolean {
  return field === undefined || field === null || field === ''
}

interface Check {
  accepts: (value: unknown) => boolean
}

const checked = TypeSystem.Type<unknown, Check & Keywords>('CheckedField', ({ accepts }, value) => accepts(value))

/** A field with its own check; `keywords` are its JSON Schema for the document. */
export function checkedField<T>(accepts: (value: unknown) => boolean, keywords: Keywords & Record<string, unknown>) {
  return t.Unsafe<T>(checked({ accepts, ...keywords }))
}

/** Text that is not empty. For a plain string, Elysia prints the invalid value, which fails for `{"toString": false}`. */
export function textField(keywords: Keywords & { pattern?: string } = {}) {
  const pattern = new RegExp(keywords.pattern ?? '')
  const accepts = (value: unknown) => typeof value === 'string' && value !== '' && pattern.test(value)
  return checkedField<string>(accepts, { type: 'string', minLength: 1, ...keywords })
}

/** One of these words. Elysia's own enumerations have a default value, which it would fill in. */
export function choiceField<const T extends string>(choices: readonly T[], keywords: Keywords = {}) {
  return checkedField<T>(value => choices.some(choice => choice === value), {
    type: 'string',
    enum: choices,
    ...keywords,
  })
}

interface Range {
  minimum: number
  maximum?: number
}

/** A JSON number. Elysia's own integers also accept text. */
export function integerField(range: Required<Range>, keywords: Keywords = {}) {
  return checkedField<number>(value => typeof value === 'number' && isInRange(value, range), {
    type: 'integer',
    ...range,
    ...keywords,
  })
}

/** A whole number in a query; empty counts as absent. */
export function integerParameter({ minimum, maximum = Number.MAX_SAFE_INTEGER }: Range, keywords: Keywords) {
  const range = { minimum, maximum }
  const accepts = (value: unknown) =>
    typeof value === 'string' && (value === '' || (/^\d{1,16}$/.test(value) && isInRange(Number(value), range)))
  const text = `The "{field}" must be a whole number from ${range.minimum} to ${range.maximum}`
  return checkedField<string>(accepts, {
    type: 'integer',
    ...range,
    errors: { invalid: ['malformed', text] },
    ...keywords,
  })
}

function isInRange(value: number, { minimum, maximum }: Required<Range>): boolean {
  return Number.isInteger(value) && value >= minimum && value <= maximum
}

/** Accepts any value: `readToken` ignores those that cannot be a token. */
const accessTokenField = t.Optional(checkedField<string>(() => true, { type: 'string' }))

/** The body of a POST, PATCH or DELETE. Unknown fields are allowed and ignored. */
export function requestBody<T extends Record<string, TSchema>>(fields: T) {
  return t.Object({ ...fields, access_token: accessTokenField }, { additionalProperties: true })
}

/** The body of a request without fields of its own. */
export const emptyBody = requestBody({})

/** The query of a request. Unknown parameters are rejected. */
export function requestQuery<T extends Record<string, TSchema>>(parameters: T) {
  return t.Object(parameters, { additionalProperties: t.Never() })
}

export const noQuery = requestQuery({})
