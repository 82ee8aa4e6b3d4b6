import { join } from 'node:path'
import { installPackages } from '../scripts/lib/debian.ts'
import { root } from '../scripts/lib/paths.ts'
import { run } from '../scripts/lib/run.ts'
import { main, Obstacle, print, say } from '../scripts/lib/terminal.ts'
import { toReport } from './report.ts'
import type { Figures, Section } from './section.ts'
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
import { openStage } from './stage.ts'

// All figures come from one run on one machine, ours and what they are compared with in turns. A whole run writes
// bench/RESULTS.md; `npm run bench -- users logins` measures these sections alone and only shows what they came to.

const sections: Record<string, Section> = {
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

await main(async () => {
  const names = process.argv.slice(2)
  const unknown = names.filter(name => !(name in sections))
  if (unknown.length > 0)
    throw new Obstacle(`No such section: ${unknown.join(', ')}. There are: ${Object.keys(sections).join(', ')}`)
  await installPackages(['wrk', 'oathtool'])
  say('Building')
  await run(['bun', 'scripts/build.ts'])
  await using stage = openStage()
  const measured: Figures[] = []
  for (const [name, measure] of Object.entries(sections)) {
    if (names.length > 0 && !names.includes(name)) continue
    say(`Measuring: ${name}`)
    measured.push(await measure(stage).catch(error => failed(name, error)))
  }
  const report = toReport(measured)
  if (names.length === 0) await Bun.write(join(root, 'bench/RESULTS.md'), report)
  print(report)
})

/** One that fails does not take the others' figures with it. */
function failed(name: string, error: unknown): Figures {
  process.stderr.write(`${Bun.inspect(error)}\n`)
  process.exitCode = 1
  return { verdicts: [{ what: name, reach: 'to be measured', measured: 'failed', met: false }], tables: [] }
}
