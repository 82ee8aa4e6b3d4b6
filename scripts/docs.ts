import { readFileSync, writeFileSync } from 'node:fs'
import { listPages } from './lib/doc-pages.ts'
import { fillSections, generateSections } from './lib/generated-docs.ts'
import { logStep, runScript } from './lib/terminal.ts'

// `npm run docs` writes the tables of settings, commands and errors into the pages that contain them.

await runScript(async () => {
  const sections = await generateSections()
  for (const { file, path } of listPages()) {
    const page = readFileSync(path, 'utf8')
    const updated = fillSections(page, sections)
    if (updated === page) continue
    writeFileSync(path, updated)
    logStep(`Updated ${file}`)
  }
})
