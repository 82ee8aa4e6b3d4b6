import { resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { readEnv, readHostFacts, toCoreConfig } from '../../src/config/config.ts'
import { ConfigError, OperatorError } from '../../src/core/errors.ts'
import { defineCommand } from '../shared/command.ts'
import { settingArgs, toFlags } from '../shared/flags.ts'
import { printLine } from '../shared/output.ts'
import { hostActor } from './core-context.ts'
import { readText } from './service/install-file.ts'
import { layout } from './service/layout.ts'
import { parseSettings } from './service/settings-file.ts'
import { ownDescription } from './upgrade/binary.ts'
import { rollback } from './upgrade/rollback.ts'
import { upgrade as upgradeTo } from './upgrade/upgrade.ts'

export const upgrade = defineCommand({
  description: 'Install another version and restart the service, or roll back',
  args: {
    from: { type: 'string', valueHint: 'FILE', description: 'The new binary' },
    sha256: { type: 'string', valueHint: 'SUM', description: 'Its SHA-256, from SHA256SUMS of the release' },
    rollback: {
      type: 'boolean',
      description: 'Restore the previous binary, and its data if it cannot read the current data',
    },
    yes: { type: 'boolean', description: 'Restore the data without asking' },
    binary: { type: 'string', valueHint: 'PATH', description: `Binary to replace (${layout.binary})` },
    describe: { type: 'boolean', description: 'Print name, version and migration of this binary as one JSON object' },
    ...settingArgs('data-dir', 'secret-key-file'),
  },
  run: async ({ args, path }) => {
    if (args.describe) return void process.stdout.write(`${JSON.stringify(ownDescription)}\n`)
    const { from, sha256 } = args
    if (args.rollback ? from !== undefined || sha256 !== undefined : from === undefined || sha256 === undefined) {
      throw new ConfigError('Give --from FILE and --sha256 SUM to install a version, or --rollback alone to roll back')
    }
    if (sha256 !== undefined && !/^[0-9a-fA-F]{64}$/.test(sha256)) {
      throw new ConfigError(`--sha256 ${JSON.stringify(sha256)} is not a SHA-256: give 64 hex digits`)
    }
    const binary = resolve(args.binary ?? layout.binary)
    const options = {
      binary,
      config: readServiceConfig(args),
      rollbackActor: hostActor([...path, 'rollback']),
      printLine,
    }
    if (from === undefined || sha256 === undefined)
      await rollback({ ...options, confirm: async () => args.yes === true || (await confirmRollback()) })
    else await upgradeTo({ ...options, from: resolve(from), sum: sha256 })
  },
})

/** The service's settings, unless flags or variables override them. */
function readServiceConfig(args: Record<string, unknown>) {
  const env = { ...readServiceSettings(), ...readEnv() }
  return toCoreConfig(toFlags(args), env, readHostFacts())
}

function readServiceSettings(): Record<string, string> {
  try {
    return parseSettings(readText(layout.settings) ?? '', layout.settings)
  } catch (error) {
    if (error instanceof OperatorError) throw error
    // Only root can read the file; other users have their own binary and data.
    return {}
  }
}

async function confirmRollback(): Promise<boolean> {
  if (!process.stdin.isTTY) return false
  using terminal = createInterface({ input: process.stdin, output: process.stderr })
  return (await terminal.question('Type "go back" to confirm: ')).trim() === 'go back'
}
