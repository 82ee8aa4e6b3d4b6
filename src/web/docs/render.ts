import type { Schema } from '../../api/openapi/description.ts'
import type { OpenApiDocument } from '../../api/openapi/document.ts'
import { fieldList } from './fields.ts'
import { type Html, html, paragraphs } from './html.ts'
import { operationArticle, type ResolveReference } from './operation.ts'

/** The API reference as one page, readable without scripts. */
export function docsPage(document: OpenApiDocument): string {
  const { info, tags, components } = document
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method, path, operation })),
  )
  const sections = tags.map(tag => ({
    ...tag,
    operations: operations.filter(({ operation }) => operation.tags.includes(tag.name)),
  }))
  const resolve: ResolveReference = reference => {
    const [kind = '', name = ''] = reference.split('/').slice(-2)
    const group: Record<string, Schema> = kind === 'parameters' ? components.parameters : components.examples
    return group[name] ?? {}
  }
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${info.title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/page.css">
<script type="module" src="docs/page.js"></script>
</head>
<body>
<header>
<p class="system"><a class="title" href="#top" id="top">${info.title}</a> <span class="type">${info.version}</span></p>
<label class="search"><span class="unseen">Search</span><input type="search" placeholder="Search" hidden></label>
<p class="unseen" role="status"></p>
</header>
<nav aria-label="Routes">
<details open><summary>Contents</summary>
${sections.map(
  section => html`<section><h2><a href="#section-${section.name}">${section.name}</a></h2>
<ul>
${section.operations.map(({ operation }) => navItem(operation.operationId, operation.summary))}</ul></section>
`,
)}<section><h2>Reference</h2><ul>${navItem('bodies', 'Bodies')}${navItem('errors', 'Errors')}</ul></section>
</details>
</nav>
<main>
<section class="intro">
<h1>${info.title}</h1>
${paragraphs(info.description)}
<p>The examples use two shell variables, the base URL of the API and an access token:</p>
<pre tabindex="0"><code>API=<span id="api">http://127.0.0.1:1337/api/v1</span>
TOKEN=…</code></pre>
<p>Programs can read the same as <a href="openapi.json">openapi.json</a> (OpenAPI ${document.openapi}).</p>
</section>
${sections.map(
  section => html`<section class="chapter">
<h2 id="section-${section.name}">${section.name}</h2>
${paragraphs(section.description)}
${section.operations.map(operation => operationArticle(operation, resolve))}</section>
`,
)}<section class="chapter">
<h2 id="bodies">Bodies</h2>
${Object.entries(components.schemas).map(
  ([name, schema]) => html`<article id="${name}">
<h3><a class="title" href="#${name}">${name}</a></h3>
${typeof schema.description === 'string' && html`<p>${schema.description}</p>`}
${fieldList(schema)}
</article>
`,
)}</section>
<section class="chapter">
<h2 id="errors">Errors</h2>
<p>Always <code>{"error":"…","errorId":…}</code>, for every failure. The text may be more specific than here; an ID never changes its meaning.</p>
<article>
<ul class="errors">
${Object.values(components.examples).map(
  ({ value }) => html`<li><strong>${value.errorId}</strong> ${value.error}</li>
`,
)}</ul>
</article>
</section>
</main>
</body>
</html>
`.text
}

function navItem(id: string, text: string): Html {
  return html`<li data-for="${id}"><a href="#${id}">${text}</a></li>\n`
}
