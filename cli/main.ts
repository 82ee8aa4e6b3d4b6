import { stripVTControlCharacters } from 'node:util'
import { type ArgsDef, type CommandDef, renderUsage, runCommand, runMain } from 'citty'
import { ApiError, ClientError, ConfigError, OperatorError } from '../src/core/errors.ts'
import { describeError } from '../src/core/log.ts'
import { rootCommand } from './commands.ts'

// Everything that this program writes is for its own user alone, whatever the shell it was started from says.
process.umask(0o077)

const rawArgs = process.argv.slice(2)
// What comes after -- is for a program in a droplet: `droplet exec cikit01 -- ls --help`.
const ownArgs = rawArgs.includes('--') ? rawArgs.slice(0, rawArgs.indexOf('--')) : rawArgs
const wantsHelp = rawArgs.length === 0 || ownArgs.some(arg => arg === '--help' || arg === '-h')
if (wantsHelp || rawArgs[0] === '--version') {
  await runMain(rootCommand, {
    rawArgs: wantsHelp ? [...ownArgs.filter(arg => arg !== '-h'), '--help'] : ['--version'],
    showUsage: printUsage,
  })
} else if (rawArgs[0]?.startsWith('-')) {
  reportError(
    new ConfigError(`${rawArgs[0]} is no flag of cikit-api itself: begin with a command, see cikit-api --help`),
  )
} else {
  await runCommand(rootCommand, { rawArgs }).catch(reportError)
}

async function printUsage<T extends ArgsDef>(command: CommandDef<T>): Promise<void> {
  const usage = await renderUsage(command)
  process.stdout.write(`${process.stdout.isTTY ? usage : stripVTControlCharacters(usage)}\n`)
}

/**
 * 2 for what the command line or a setting has wrong, 1 for what could not be done, 3 and 4 of a client; one line each, with
 * the remedy.
 */
function reportError(error: unknown): void {
  const isUsageError = error instanceof ConfigError || (error instanceof Error && error.name === 'CLIError')
  const isExpected =
    isUsageError || error instanceof OperatorError || error instanceof ApiError || error instanceof ClientError
  process.stderr.write(`cikit-api: ${isExpected ? withHint(error) : describeError(error)}\n`)
  if (error instanceof ClientError) process.exitCode = ClientError.exitCodes[error.kind]
  else process.exitCode = isUsageError ? 2 : 1
}

function withHint(error: Error): string {
  if (error instanceof ApiError && error.cause instanceof Error) return `${error.message} (${error.cause.message})`
  if (error.name !== 'CLIError') return error.message
  return `${stripVTControlCharacters(error.message).replace(/\.$/, '')}: see cikit-api --help`
}
