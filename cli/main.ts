import { runCommand } from 'citty'
import { ApiError, ClientError, ConfigError, OperatorError } from '../src/core/errors.ts'
import { describeError } from '../src/core/log.ts'
import { version } from '../src/version.ts'
import { commandSections, rootCommand } from './commands.ts'
import { renderHelp, renderRootHelp } from './host/manual/help.ts'
import { checkArguments } from './shared/check-arguments.ts'
import type { CommandData } from './shared/command.ts'
import { commandLine, requireCommand, resolveCommand, resolveValue } from './shared/resolve-command.ts'

// Files are readable by their owner only, regardless of the caller's umask.
process.umask(0o077)

await main(process.argv.slice(2)).catch(reportError)

async function main(words: string[]): Promise<void> {
  if (wantsHelp(words)) return await printHelp(words)
  if (words[0] === '--version') return void process.stdout.write(`${version}\n`)
  const { command, path, rest } = await requireCommand(rootCommand, words)
  checkArguments(rest, (await resolveValue(command.args)) ?? {}, commandLine(path))
  const data: CommandData = { path }
  await runCommand(command, { rawArgs: rest, data })
}

function wantsHelp(words: string[]): boolean {
  // Words after -- belong to a program in a droplet: `droplet exec cikit01 -- ls --help`.
  const ownWords = words.includes('--') ? words.slice(0, words.indexOf('--')) : words
  return words.length === 0 || ownWords.some(word => word === '--help' || word === '-h')
}

async function printHelp(words: string[]): Promise<void> {
  const { command, path } = await resolveCommand(
    rootCommand,
    words.filter(word => !word.startsWith('-')),
  )
  const help = path.length === 0 ? await renderRootHelp(command, commandSections) : await renderHelp(command, path)
  process.stdout.write(help)
}

/** Prints one line with the remedy. Exit codes: 2 for a wrong command line or setting, 3 and 4 of a client, else 1. */
function reportError(error: unknown): void {
  process.stderr.write(`cikit-api: ${errorText(error)}\n`)
  if (error instanceof ClientError) process.exitCode = ClientError.exitCodes[error.kind]
  else process.exitCode = error instanceof ConfigError ? 2 : 1
}

function errorText(error: unknown): string {
  if (error instanceof ApiError && error.cause instanceof Error) return `${error.message} (${error.cause.message})`
  const isExpected = [ApiError, ClientError, ConfigError, OperatorError].some(type => error instanceof type)
  return error instanceof Error && isExpected ? error.message : describeError(error)
}
