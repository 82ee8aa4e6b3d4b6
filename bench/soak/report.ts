import { cpus, release, totalmem } from 'node:os'
import type { compareThirds } from './samples.ts'
import type { Tally } from './tally.ts'

type ThirdsComparison = ReturnType<typeof compareThirds>

/** The report of a run, in Markdown. */
export function toReport(results: {
  minutes: number
  /** Milliseconds. */
  warmUpMs: number
  tally: Tally
  memory: ThirdsComparison
  descriptors: ThirdsComparison
}): string {
  const { minutes, warmUpMs, tally, memory, descriptors } = results
  const rows = tally.rows()
  const problems = tally.problems()
  const ms = (value: number) => `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`
  const thirdsRow = (name: string, { first, last, growth }: ThirdsComparison) =>
    `| ${name} | ${first.toFixed(1)} | ${last.toFixed(1)} | ${(growth * 100).toFixed(1)}% |`
  return `# Results of \`npm run soak\`

${minutes} minutes, on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Bun ${Bun.version}.
The engine is an in-memory fake, so the times are those of the server alone. Client and server share the machine.

| mean, after ${Math.round(warmUpMs / 1000)} s of warm-up | first third | last third | growth |
|---|---|---|---|
${thirdsRow('resident memory, MB', memory)}
${thirdsRow('open file descriptors', descriptors)}

| | count | p50 | p99 |
|---|---|---|---|
${rows.map(({ kind, count, p50, p99 }) => `| ${kind} | ${count} | ${ms(p50)} | ${ms(p99)} |`).join('\n')}

Unexpected responses: ${problems.reduce((sum, [, count]) => sum + count, 0)}
${problems.map(([text, count]) => `- ${count} × ${text}\n`).join('')}`
}
