import { readFileSync } from 'node:fs'
import { listPages } from '../../../scripts/lib/doc-pages.ts'

export interface DocPage {
  /** Relative to the root of the repository. */
  file: string
  /** The commands of its `sh` blocks, in order. */
  commands: DocCommand[]
}

export interface DocCommand {
  /** One line: continuations are joined, the comment is removed. */
  text: string
  /** The page says that it runs until it is interrupted. */
  isEndless: boolean
}

/** All documentation pages that contain commands. */
export function readDocPages(): DocPage[] {
  return listPages()
    .map(({ file, path }) => ({ file, commands: extractCommands(readFileSync(path, 'utf8')) }))
    .filter(({ commands }) => commands.length > 0)
}

/** @param page Markdown; only fenced blocks marked `sh` contain commands */
export function extractCommands(page: string): DocCommand[] {
  const blocks = [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block)
  return blocks.flatMap(block => {
    const lines = block.replaceAll(/ *\\\n */g, ' ').split('\n')
    return lines.map(toCommand).filter(({ text }) => text !== '')
  })
}

function toCommand(line: string): DocCommand {
  const [text = '', comment = ''] = line.split(/(?:^| +)# /)
  return { text: text.trim(), isEndless: comment.includes('until Ctrl-C') }
}
