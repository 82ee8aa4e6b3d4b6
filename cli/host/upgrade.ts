import { resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { readEnv, readHostFacts, toCoreConfig } from '../../src/config/config.ts'
import { ConfigError, OperatorError } from '../../src/core/errors.ts'
import { defineCommand } from '../shared/command.ts'
import { settingArgs, toFlags } from '../shared/flags.ts'
import { hostActor } from './core-context.ts'
import { readText } from './service/install-file.ts'
import { layout } from './service/layout.ts'
import { parseSettings } from './service/settings-file.ts'
import { ownDescription } from './upgrade/binary.ts'
import { rollback } from './upgrade/rollback.ts'
import { upgrade as upgradeTo } from './upgrade/upgrade.ts'

export const upgrade = defineCommand({
  description: 'Put another version into the place of the installed one and restart the service, or go back',
  args: {
    from: { type: 'string', valueHint: 'FILE', description: 'The new binary' },
    sha256: { type: 'string', valueHint: 'SUM', description: 'Its SHA-256, from SHA256SUMS of the release' },
    rollback: { type: 'boolean', description: 'Go back to the previous binary, and to the data of then if need be' },
    yes: { type: 'boolean', description: 'Do not ask whether the data may go back' },
    binary: { type: 'string', valueHint: 'PATH', description: `The one to be replaced (${layout.binary})` },
    describe: { type: 'boolean', description: 'Print what this binary is, as one JSON object, and nothing else' },
    ...settingArgs('data-dir', 'secret-key-file'),
  },
  run: async ({ args }) => {
    if (args.describe) return void process.stdout.write(`${JSON.stringify(ownDescription)}\n`)
    const { from, sha256 } = args
    if (args.rollback ? from !== undefined || sha256 !== undefined : from === undefined || sha256 === undefined) {
      throw new ConfigError('Give --from FILE and --sha256 SUM for another version, or --rollback alone to go back')
    }
    if (sha256 !== undefined && !/^[0-9a-fA-F]{64}$/.test(sha256)) {
      throw new ConfigError(`--sha256 ${JSON.stringify(sha256)} is no SHA-256: give its 64 hex digits`)
    }
    const binary = resolve(args.binary ?? layout.binary)
    const options = { binary, config: readServiceConfig(args), user: hostActor(), printLine }
    if (from === undefined || sha256 === undefined)
      await rollback({ ...options, confirm: async () => args.yes === true || (await confirmRollback()) })
    else await upgradeTo({ ...options, from: resolve(from), sum: sha256 })
  },
})

/** Where the service has its data, unless another place is named. */
function readServiceConfig(args: Record<string, unknown>) {
  const env = { ...readServiceSettings(), ...readEnv() }
  return toCoreConfig(toFlags(args), env, readHostFacts())
}

function readServiceSettings(): Record<string, string> {
  try {
    return parseSettings(readText(layout.settings) ?? '', layout.settings)
  } catch (error) {
    if (error instanceof OperatorError) throw error
    // For root only; then this is somebody else with a binary and data of its own.
    return {}
  }
}

async function confirmRollback(): Promise<boolean> {
  if (!process.stdin.isTTY) return false
  using terminal = createInterface({ input: process.stdin, output: process.stderr })
  return (await terminal.question('Type "go back" if that is meant: ')).trim() === 'go back'
}

function printLine(line: string): void {
  process.stdout.write(`${line}\n`)
}
