import { type Config, readEnv, readHost, toConfig } from '../src/config.ts'
import { escapeText } from '../src/log.ts'
import { actAsOwnerOf } from './act-as-owner.ts'
import { command, flagsOf, serveSettings, settingArgs } from './command.ts'
import { checkDataDir } from './doctor/data-dir.ts'
import { checkEngine } from './doctor/engine.ts'
import { type Finding, looked } from './doctor/finding.ts'
import { checkListening } from './doctor/network.ts'
import { checkPorts, listeningPorts } from './doctor/ports.ts'
import { checkStore } from './doctor/store.ts'
import { toTable } from './table.ts'

export const doctor = command({
  meta: {
    name: 'cikit-api doctor',
    description:
      'Look whether all that serve needs is as it should be, and change nothing; exit 1 when something has failed',
  },
  args: {
    ...settingArgs(...serveSettings),
    json: { type: 'boolean', description: 'Print a list of {check, status, text}' },
  },
  run: async ({ args }) => {
    const findings = await examine(toConfig(flagsOf(args), readEnv(), readHost()))
    process.stdout.write(args.json ? `${JSON.stringify(findings)}\n` : toText(findings))
    if (findings.some(({ status }) => status === 'failed')) process.exitCode = 1
  },
})

async function examine(config: Config): Promise<Finding[]> {
  // As whoever runs this: root sees every socket and file. The database is the service's, and opened as it is.
  const network = await looked('tls', () => checkListening(config.listen, Date.now()))
  const { findings: engine, droplets } = await checkEngine(config, Date.now)
  const ports = droplets ? [checkPorts(droplets, listeningPorts())] : []
  actAsOwnerOf(config.dataDir)
  const dataDir = await looked('data directory', () => checkDataDir(config.dataDir))
  const store = await looked('database', () => checkStore(config))
  return [...dataDir, ...store, ...engine, ...ports, ...network]
}

function toText(findings: readonly Finding[]): string {
  const rows = findings.map(({ check, status, text }) => [status, check, escapeText(text)])
  const count = (wanted: Finding['status']) => findings.filter(({ status }) => status === wanted).length
  const [failures, warnings] = [count('failed'), count('warning')]
  const end =
    failures + warnings === 0
      ? 'All is as it should be.'
      : `${inWords(failures, 'failure')}, ${inWords(warnings, 'warning')}.`
  return `${toTable(rows)}\n${end}\n`
}

function inWords(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`
}
