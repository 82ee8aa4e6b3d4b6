import type { Schema } from './description.ts'

/** Puts the models of the routes into the words of JSON Schema 2020-12, and each that has a name where it is told of once. */
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
    // `null` beside one simple type is the usual case, and reads best as a list of types.
    if (first && second?.type === 'null' && more.length === 0 && typeof first.type === 'string') {
      const nullableEnum = isSchemaList(first.enum) ? { enum: [...first.enum, null] } : {}
      return { ...first, ...otherKeywords, type: [first.type, 'null'], ...nullableEnum }
    }
    return { ...otherKeywords, anyOf: [first, second, ...more] }
  }

  /** What stands at a key of a schema may hold further schemas. */
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
    /** All that have a name, in their own words. */
    components: (): Record<string, Schema> =>
      Object.fromEntries(Object.entries(models).map(([name, model]) => [name, convert(model)])),
  }
}

/** What Elysia notes in a schema for itself: a default is what it makes up, and `nullable` is of OpenAPI 3.0. */
function withoutInternals({ nullable: _, default: __, ...schema }: Schema): Schema {
  return schema
}

/** Elysia takes a number from a text, too, in what comes in; nothing goes out like that. */
function isNumericString(schema: Schema): boolean {
  return schema.type === 'string' && (schema.format === 'integer' || schema.format === 'numeric')
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isSchemaList(value: unknown): value is Schema[] {
  return Array.isArray(value)
}
