import { cpus, release, totalmem } from 'node:os'
import type { Figures, Table } from './section.ts'

/** What a run came to, in Markdown: first what was to be reached, then everything that was measured. */
export function toReport(measured: Figures[]): string {
  const verdicts = measured.flatMap(({ verdicts }) => verdicts)
  const rows = verdicts.map(({ what, reach, measured, met }) => [what, reach, measured, met ? 'yes' : '**no**'])
  const missed = verdicts.filter(({ met }) => !met).length
  return `# Results of \`npm run bench\`

One run, on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()},
Bun ${Bun.version}. Client, server and engine share the machine, and what is compared was measured in turns, so a ratio in one run
says more than a time. ${missed === 0 ? 'Everything was reached.' : `Not reached: ${missed} of ${verdicts.length}.`}

${toMarkdown(['what', 'to be reached', 'measured', 'met'], rows)}
${measured
  .flatMap(({ tables }) => tables)
  .map(toSection)
  .join('')}`
}

function toSection({ about, head, rows }: Table): string {
  return `\n${about}:\n\n${toMarkdown(head, rows)}\n`
}

function toMarkdown(head: string[], rows: string[][]): string {
  return [head, head.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n')
}
