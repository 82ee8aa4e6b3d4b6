import { readEnv, readHostFacts, toConfig } from '../../src/config/config.ts'
import type { Config } from '../../src/config/types.ts'
import { escapeText } from '../../src/core/log.ts'
import { defineCommand } from '../shared/command.ts'
import { serverSettings, settingArgs, toFlags } from '../shared/flags.ts'
import { pluralize } from '../shared/pluralize.ts'
import { toTable } from '../shared/table.ts'
import { checkDataDir } from './doctor/data-dir.ts'
import { checkEngine } from './doctor/engine.ts'
import { type Finding, runCheck } from './doctor/finding.ts'
import { checkListener } from './doctor/network.ts'
import { checkPorts, listeningPorts } from './doctor/ports.ts'
import { checkStore } from './doctor/store.ts'
import { dropPrivilegesToOwner } from './drop-privileges.ts'

export const doctor = defineCommand({
  description: "Check this host's configuration without changing it; exit 1 if a check fails",
  args: {
    ...settingArgs(...serverSettings),
    json: { type: 'boolean', description: 'Print a list of {check, status, text}' },
  },
  run: async ({ args }) => {
    const findings = await runChecks(toConfig(toFlags(args), readEnv(), readHostFacts()))
    process.stdout.write(args.json ? `${JSON.stringify(findings)}\n` : toText(findings))
    if (findings.some(({ status }) => status === 'failed')) process.exitCode = 1
  },
})

async function runChecks(config: Config): Promise<Finding[]> {
  // Run as the caller, because root sees every socket and file. The database is opened as its owner.
  const network = await runCheck('tls', () => checkListener(config.listen, Date.now()))
  const { findings: engine, droplets } = await checkEngine(config, Date.now)
  const ports = droplets ? [checkPorts(droplets, listeningPorts())] : []
  dropPrivilegesToOwner(config.dataDir)
  const dataDir = await runCheck('data directory', () => checkDataDir(config.dataDir))
  const store = await runCheck('database', () => checkStore(config))
  return [...dataDir, ...store, ...engine, ...ports, ...network]
}

function toText(findings: readonly Finding[]): string {
  const rows = findings.map(({ check, status, text }) => [status, check, escapeText(text)])
  const count = (expectedStatus: Finding['status']) => findings.filter(({ status }) => status === expectedStatus).length
  const [failures, warnings] = [count('failed'), count('warning')]
  const summary =
    failures + warnings === 0
      ? 'All checks passed.'
      : `${pluralize(failures, 'failure')}, ${pluralize(warnings, 'warning')}.`
  return `${toTable(rows)}\n${summary}\n`
}
