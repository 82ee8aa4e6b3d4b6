import type { Schema } from './description.ts'

/** Puts the models of the routes into the words of JSON Schema 2020-12, and each that has a name where it is told of once. */
export function createSchemas(models: Record<string, Schema>) {
  const names = new Map(Object.entries(models).map(([name, model]) => [model, name]))

  function toSchema(model: Schema): Schema {
    const name = names.get(model)
    return name === undefined ? written(model) : { $ref: `#/components/schemas/${name}` }
  }

  function written(model: Schema): Schema {
    const { anyOf, ...own } = withoutInternals(model)
    const choices = isList(anyOf) ? anyOf.filter(choice => !isNumberAsText(choice)) : undefined
    if (!choices) return Object.fromEntries(Object.entries(own).map(([key, value]) => [key, inner(key, value)]))
    const [first, second, ...more] = choices.map(toSchema)
    if (first && !second) return { ...first, ...own }
    // `null` beside one simple type is the usual case, and reads best as a list of types.
    if (first && second?.type === 'null' && more.length === 0 && typeof first.type === 'string') {
      const values = isList(first.enum) ? { enum: [...first.enum, null] } : {}
      return { ...first, ...own, type: [first.type, 'null'], ...values }
    }
    return { ...own, anyOf: [first, second, ...more] }
  }

  /** What stands at a key of a schema may hold further schemas. */
  function inner(key: string, value: unknown): unknown {
    if (key === 'items' && isSchema(value)) return toSchema(value)
    if (key === 'oneOf' && isList(value)) return value.map(toSchema)
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
      Object.fromEntries(Object.entries(models).map(([name, model]) => [name, written(model)])),
  }
}

/** What Elysia notes in a schema for itself: a default is what it makes up, and `nullable` is of OpenAPI 3.0. */
function withoutInternals({ nullable: _, default: __, ...schema }: Schema): Schema {
  return schema
}

/** Elysia takes a number from a text, too, in what comes in; nothing goes out like that. */
function isNumberAsText(schema: Schema): boolean {
  return schema.type === 'string' && (schema.format === 'integer' || schema.format === 'numeric')
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isList(value: unknown): value is Schema[] {
  return Array.isArray(value)
}
