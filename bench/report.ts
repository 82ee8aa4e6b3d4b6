import { cpus, release, totalmem } from 'node:os'
import type { SectionResult, Table } from './section.ts'

/** The report of a run in Markdown: first the targets, then all measurements. */
export function toReport(results: SectionResult[]): string {
  const verdicts = results.flatMap(({ verdicts }) => verdicts)
  const rows = verdicts.map(({ description, target, measured, isMet }) => [
    description,
    target,
    measured,
    isMet ? 'yes' : '**no**',
  ])
  const missedCount = verdicts.filter(({ isMet }) => !isMet).length
  return `# Results of \`npm run bench\`

One run on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()},
Bun ${Bun.version}. Client, server and engine share the machine, and compared runs alternate, so ratios are more
reliable than times. ${missedCount === 0 ? 'All targets were met.' : `Targets not met: ${missedCount} of ${verdicts.length}.`}

${toMarkdown(['subject', 'target', 'measured', 'met'], rows)}
${results
  .flatMap(({ tables }) => tables)
  .map(toSection)
  .join('')}`
}

function toSection({ caption, columns, rows }: Table): string {
  return `\n${caption}:\n\n${toMarkdown(columns, rows)}\n`
}

function toMarkdown(columns: string[], rows: string[][]): string {
  return [columns, columns.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n')
}
