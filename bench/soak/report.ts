import { cpus, release, totalmem } from 'node:os'
import type { compareThirds } from './samples.ts'
import type { Tally } from './tally.ts'

type Thirds = ReturnType<typeof compareThirds>

/** What a run came to, in Markdown. */
export function toReport(results: {
  minutes: number
  /** Milliseconds. */
  warmUp: number
  tally: Tally
  memory: Thirds
  descriptors: Thirds
}): string {
  const { minutes, warmUp, tally, memory, descriptors } = results
  const rows = tally.rows()
  const complaints = tally.complaints()
  const ms = (value: number) => `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`
  const thirds = (name: string, { first, last, growth }: Thirds) =>
    `| ${name} | ${first.toFixed(1)} | ${last.toFixed(1)} | ${(growth * 100).toFixed(1)}% |`
  return `# Results of \`npm run soak\`

${minutes} minutes, on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Bun ${Bun.version}.
The engine is one in memory, so that the times are ours alone; client and server share the machine.

| mean, after ${Math.round(warmUp / 1000)} s of warm-up | first third | last third | growth |
|---|---|---|---|
${thirds('resident memory, MB', memory)}
${thirds('open descriptors', descriptors)}

| | count | p50 | p99 |
|---|---|---|---|
${rows.map(({ kind, count, p50, p99 }) => `| ${kind} | ${count} | ${ms(p50)} | ${ms(p99)} |`).join('\n')}

Answers that were not expected: ${complaints.reduce((sum, [, count]) => sum + count, 0)}
${complaints.map(([text, count]) => `- ${count} × ${text}\n`).join('')}`
}
