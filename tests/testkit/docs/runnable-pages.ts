import { type DocCommand, type DocPage, readDocPages } from './doc-commands.ts'
import { notRun } from './not-run.ts'

/** A page whose commands need the login of docs/api.md. */
const CONTINUING_PAGE = 'docs/authentication.md'

/** All pages with their runnable commands, including those that they build on. */
export function runnablePages(): DocPage[] {
  const excluded = new Set(Object.values(notRun).flat())
  const pages = readDocPages()
  return pages
    .map(({ file, commands }) => ({ file, commands: commands.filter(({ text }) => !excluded.has(text)) }))
    .filter(({ commands }) => commands.length > 0)
    .map(({ file, commands }) => ({
      file,
      commands: file === CONTINUING_PAGE ? [...loginCommands(pages), ...commands] : commands,
    }))
}

function loginCommands(pages: DocPage[]): DocCommand[] {
  const commands = pages.find(({ file }) => file === 'docs/api.md')?.commands ?? []
  return commands.slice(0, commands.findIndex(({ text }) => text.startsWith('REFRESH=')) + 1)
}
