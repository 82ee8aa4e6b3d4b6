import { join } from 'node:path'
import { enginePackages, installPackages } from '../scripts/lib/debian.ts'
import { root } from '../scripts/lib/paths.ts'
import { run } from '../scripts/lib/run.ts'
import { logStep, print, runScript, scriptArguments, UserError } from '../scripts/lib/terminal.ts'
import { toReport } from './report.ts'
import type { MeasureSection, SectionResult } from './section.ts'
import { measureBackup } from './sections/backup.ts'
import { measureChurn } from './sections/churn.ts'
import { measureDashboard } from './sections/dashboard.ts'
import { measureEvents } from './sections/events.ts'
import { measureLifecycle } from './sections/lifecycle.ts'
import { measureList } from './sections/list.ts'
import { measureLogins } from './sections/logins.ts'
import { measureProcess } from './sections/process.ts'
import { measureSizes } from './sections/sizes.ts'
import { measureUsers } from './sections/users.ts'
import { createBenchContext } from './shared-engine.ts'

// `npm run bench` measures all sections and writes bench/RESULTS.md. `npm run bench -- users logins` measures only
// these sections and prints the report. All figures of a report come from one run on one machine.

const sectionsByName: Record<string, MeasureSection> = {
  list: measureList,
  sizes: measureSizes,
  users: measureUsers,
  logins: measureLogins,
  events: measureEvents,
  lifecycle: measureLifecycle,
  process: measureProcess,
  backup: measureBackup,
  churn: measureChurn,
  dashboard: measureDashboard,
}

await runScript(async () => {
  const names = scriptArguments()
  const unknownNames = names.filter(name => !(name in sectionsByName))
  if (unknownNames.length > 0)
    throw new UserError(
      `Unknown section: ${unknownNames.join(', ')}. Sections: ${Object.keys(sectionsByName).join(', ')}`,
    )
  await installPackages([...enginePackages, 'wrk', 'oathtool'])
  logStep('Building')
  await run(['bun', 'scripts/build.ts'])
  await using context = createBenchContext()
  const results: SectionResult[] = []
  for (const [name, measure] of Object.entries(sectionsByName)) {
    if (names.length > 0 && !names.includes(name)) continue
    logStep(`Measuring: ${name}`)
    results.push(await measure(context).catch(error => failedResult(name, error)))
  }
  const report = toReport(results)
  if (names.length === 0) await Bun.write(join(root, 'bench/RESULTS.md'), report)
  print(report)
})

/** A failed section does not discard the figures of the others. */
function failedResult(name: string, error: unknown): SectionResult {
  process.stderr.write(`${Bun.inspect(error)}\n`)
  process.exitCode = 1
  return { verdicts: [{ description: name, target: 'a measurement', measured: 'failed', isMet: false }], tables: [] }
}
