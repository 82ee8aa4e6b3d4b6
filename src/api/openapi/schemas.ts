import { isSchema, type Schema } from './description.ts'

/** Converts the routes' TypeBox schemas to JSON Schema 2020-12. Named models become references. */
export function createSchemas(models: Record<string, Schema>) {
  const names = new Map(Object.entries(models).map(([name, model]) => [model, name]))

  function toSchema(model: Schema): Schema {
    const name = names.get(model)
    return name === undefined ? convert(model) : { $ref: `#/components/schemas/${name}` }
  }

  function convert(model: Schema): Schema {
    const { anyOf, ...otherKeywords } = withoutInternals(model)
    const alternatives = isSchemaList(anyOf) ? anyOf.filter(choice => !isNumericString(choice)) : undefined
    if (!alternatives)
      return Object.fromEntries(Object.entries(otherKeywords).map(([key, value]) => [key, convertKeyword(key, value)]))
    const [first, second, ...more] = alternatives.map(toSchema)
    if (first && !second) return { ...first, ...otherKeywords }
    // The usual case, `null` as the only alternative, reads best as a list of types.
    if (first && second?.type === 'null' && more.length === 0 && typeof first.type === 'string') {
      const nullableEnum = isSchemaList(first.enum) ? { enum: [...first.enum, null] } : {}
      return { ...first, ...otherKeywords, type: [first.type, 'null'], ...nullableEnum }
    }
    return { ...otherKeywords, anyOf: [first, second, ...more] }
  }

  /** The value of a keyword may contain schemas. */
  function convertKeyword(key: string, value: unknown): unknown {
    if (key === 'items' && isSchema(value)) return toSchema(value)
    if (key === 'oneOf' && isSchemaList(value)) return value.map(toSchema)
    if ((key === 'properties' || key === 'patternProperties') && isSchema(value)) {
      return Object.fromEntries(
        Object.entries(value).map(([name, schema]) => [name, isSchema(schema) ? toSchema(schema) : schema]),
      )
    }
    return value
  }

  return {
    toSchema,
    /** All named models. */
    components: (): Record<string, Schema> =>
      Object.fromEntries(Object.entries(models).map(([name, model]) => [name, convert(model)])),
  }
}

/**
 * Removes the keywords that only Elysia and `api/http/fields.ts` use. Elysia generates defaults for enumerations, and
 * `nullable` belongs to OpenAPI 3.0.
 */
function withoutInternals(schema: Schema): Schema {
  const {
    nullable: _,
    default: __,
    accepts: ___,
    errors: ____,
    additionalProperties,
    defaultValue,
    ...keywords
  } = schema
  return {
    ...keywords,
    ...(additionalProperties === false && { additionalProperties }),
    ...(defaultValue !== undefined && { default: defaultValue }),
  }
}

/** Elysia's integers also accept text in requests; responses never contain it. */
function isNumericString(schema: Schema): boolean {
  return schema.type === 'string' && (schema.format === 'integer' || schema.format === 'numeric')
}

function isSchemaList(value: unknown): value is Schema[] {
  return Array.isArray(value)
}
