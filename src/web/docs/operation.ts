import { isSchema, type Schema } from '../../api/openapi/description.ts'
import type { DocumentedOperation } from '../../api/openapi/document.ts'
import { describeSchema, fieldList, typeOf } from './fields.ts'
import { type Html, html, inline, paragraphs } from './html.ts'

/** Looks up a component of the document. */
export type ResolveReference = (reference: string) => Schema

/** One route: description, curl example, parameters, responses. */
export function operationArticle(
  { method, path, operation }: { method: string; path: string; operation: DocumentedOperation },
  resolve: ResolveReference,
): Html {
  const { operationId, summary, description, parameters = [], requestBody, responses } = operation
  const responseEntries = Object.entries<Schema>(responses)
  return html`<article id="${operationId}">
<h3><a class="title" href="#${operationId}">${summary}</a></h3>
<p class="route"><span class="method ${method}">${method.toUpperCase()}</span> <code>${breakablePath(path)}</code></p>
${paragraphs(description)}
${operation['x-codeSamples'].map(({ source }) => curlBlock(source))}
${parameters.length > 0 && parameterList(parameters, resolve)}
${requestBody && html`<h4>Body</h4>\n${fieldList(contentOf(requestBody).schema)}`}
<h4>Response</h4>
${responseEntries.filter(([, response]) => !isError(response)).map(([status, response]) => responseBlock(status, response))}
${errorList(
  responseEntries.filter(([, response]) => isError(response)),
  resolve,
)}
</article>
`
}

function curlBlock(source: string): Html {
  return html`<div class="curl"><pre tabindex="0"><code>${source}</code></pre><button type="button" hidden>Copy</button></div>\n`
}

function parameterList(parameters: readonly Schema[], resolve: ResolveReference): Html {
  const rows = parameters.map(parameter => (typeof parameter.$ref === 'string' ? resolve(parameter.$ref) : parameter))
  const locationLabels: Record<string, string> = { path: 'in the path', query: 'in the query', header: 'header' }
  return html`<h4>Parameters</h4>
<ul class="fields">
${rows.map(
  ({ name, in: location, schema, description }) =>
    html`<li><code>${String(name)}</code> <span class="type">${locationLabels[String(location)] ?? ''}</span>${describeSchema({ ...(isSchema(schema) && schema), description })}</li>
`,
)}</ul>
`
}

function responseBlock(status: string, response: Schema): Html {
  const { schema, example } = contentOf(response)
  const events = response['x-events']
  return html`<p><strong>${status}</strong> ${inline(String(response.description))}${
    example !== undefined && html` <span class="type">${typeOf(schema)}</span>`
  }</p>
${example !== undefined && html`<pre tabindex="0"><code>${formatExample(example)}</code></pre>\n`}${
  isSchema(events) &&
  html`<ul class="fields">
${Object.entries(events).map(
  ([name, data]) => html`<li><code>${name}</code> <span class="type">${isSchema(data) && typeOf(data)}</span></li>\n`,
)}</ul>
`
}`
}

function errorList(responses: [string, Schema][], resolve: ResolveReference): Html {
  const errors = responses.flatMap(([status, response]) => {
    const { examples } = contentOf(response)
    return Object.values(isSchema(examples) ? examples : {}).map(example => {
      const { value } = resolve(isSchema(example) ? String(example.$ref) : '')
      return { status, ...(value as { error: string; errorId: number }) }
    })
  })
  return html`<details><summary>Errors <span class="type">${errors.map(({ errorId }) => errorId).join(' ')}</span></summary>
<ul class="errors">
${errors.map(({ status, errorId, error }) => html`<li><strong>${errorId}</strong> <span class="type">${status}</span> ${error}</li>\n`)}</ul>
</details>
`
}

/** Only error responses have several examples. */
function isError(response: Schema): boolean {
  return contentOf(response).examples !== undefined
}

/** The first media type; all have the same schema. */
function contentOf({ content }: Schema): { schema: Schema; example?: unknown; examples?: unknown } {
  const [first] = Object.values(isSchema(content) ? content : {})
  if (!isSchema(first)) return { schema: {} }
  return { ...first, schema: isSchema(first.schema) ? first.schema : {} }
}

function formatExample(example: unknown): string {
  return typeof example === 'string' ? example.trimEnd() : JSON.stringify(example, null, 2)
}

/** Allows line breaks before slashes. */
function breakablePath(path: string): Html[] {
  return path.split(/(?=\/)/).map(part => html`${part}<wbr>`)
}
