import { expect, test } from 'bun:test'
import { catalogue } from '../../../src/core/errors.ts'
import { createApiDocument } from '../../../src/web/api-document.ts'
import { html } from '../../../src/web/docs/html.ts'
import { docsPage } from '../../../src/web/docs/render.ts'

const document = createApiDocument()
const page = docsPage(document)

test('the page has every operation, body and error', () => {
  for (const methods of Object.values(document.paths)) {
    for (const { operationId, summary, 'x-codeSamples': samples } of Object.values(methods)) {
      expect(page).toContain(`<article id="${operationId}">`)
      expect(page).toContain(Bun.escapeHTML(summary))
      expect(page).toContain(Bun.escapeHTML(samples[0]?.source ?? 'an example'))
    }
  }
  for (const name of Object.keys(document.components.schemas)) expect(page).toContain(`<article id="${name}">`)
  for (const { id, text } of Object.values(catalogue)) {
    expect(page).toContain(`<strong>${id}</strong>`)
    expect(page).toContain(Bun.escapeHTML(text))
  }
})

test('internal links resolve and ids are unique', () => {
  const ids = [...page.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id)
  expect(new Set(ids).size).toBe(ids.length)
  for (const [, target] of page.matchAll(/ href="#([^"]*)"/g)) expect(ids).toContain(target)
})

test('inserted text is escaped', () => {
  expect(html`<p>${'<b>&"'}${['a', html`<i>${1}</i>`]}${false}${undefined}</p>`.text).toBe(
    '<p>&lt;b&gt;&amp;&quot;a<i>1</i></p>',
  )
})
