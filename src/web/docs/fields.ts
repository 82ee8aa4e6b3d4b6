import { isSchema, type Schema } from '../../api/openapi/description.ts'
import { type Html, html, inline } from './html.ts'

/** A short type: `string or null`, `list of Droplet`, `viewer | manager | owner`. */
export function typeOf(schema: Schema): Html {
  const { $ref, type, items, enum: values, oneOf, anyOf } = schema
  if (typeof $ref === 'string') return linkTo(nameOfReference($ref))
  if (Array.isArray(values)) return html`${values.map(value => (value === null ? 'null' : String(value))).join(' | ')}`
  if ('const' in schema) return html`${JSON.stringify(schema.const)}`
  if (isSchema(items)) return html`list of ${typeOf(items)}`
  const alternatives = [oneOf, anyOf].find(Array.isArray)
  if (alternatives)
    return alternatives
      .filter(isSchema)
      .map(typeOf)
      .reduce((left, right) => html`${left} or ${right}`)
  return html`${Array.isArray(type) ? type.join(' or ') : typeof type === 'string' ? type : 'anything'}`
}

/** The fields of a body; nested ones are joined by dots: `ports.*.from.port`. */
export function fieldList(schema: Schema): Html {
  const rows = [...fieldsOf(schema, '')]
  if (rows.length === 0) return html`<p>${typeOf(schema)}</p>`
  return html`<ul class="fields">
${rows.map(
  ({ name, schema, required }) =>
    html`<li><code>${name}</code> <span class="type">${typeOf(schema)}${!required && ', optional'}</span>${describeSchema(schema)}</li>
`,
)}</ul>`
}

/** Bounds, default, description and pattern. */
export function describeSchema({ description, minimum, maximum, default: defaultValue, pattern }: Schema): Html {
  const bounds = [
    minimum !== undefined && maximum !== undefined && `${minimum} to ${maximum}`,
    minimum !== undefined && maximum === undefined && `at least ${minimum}`,
    defaultValue !== undefined && `default ${defaultValue}`,
  ].filter(text => text !== false)
  return html`${bounds.length > 0 && html` <span class="type">${bounds.join(', ')}</span>`}${
    typeof description === 'string' && html` <span>${inline(description)}</span>`
  }${typeof pattern === 'string' && html` <code class="type">${pattern}</code>`}`
}

interface Field {
  name: string
  schema: Schema
  required: boolean
}

function* fieldsOf(schema: Schema, prefix: string): Generator<Field> {
  const { properties, patternProperties, items, required } = schema
  const names: unknown[] = Array.isArray(required) ? required : []
  for (const [name, child] of Object.entries(isSchema(properties) ? properties : {})) {
    if (!isSchema(child)) continue
    yield { name: prefix + name, schema: child, required: names.includes(name) }
    yield* fieldsOf(child, `${prefix}${name}.`)
  }
  for (const child of Object.values(isSchema(patternProperties) ? patternProperties : {})) {
    if (isSchema(child)) yield* fieldsOf(child, `${prefix}*.`)
  }
  if (isSchema(items)) yield* fieldsOf(items, prefix)
}

function linkTo(name: string): Html {
  return html`<a href="#${name}">${name}</a>`
}

function nameOfReference(reference: string): string {
  return reference.split('/').at(-1) ?? ''
}
