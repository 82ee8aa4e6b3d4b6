import { ClientError, ConfigError } from '../../../src/core/errors.ts'
import { escapeText } from '../../../src/core/log.ts'
import { defineCommand } from '../../shared/command.ts'
import { settingArgs } from '../../shared/flags.ts'
import { onInterrupt } from '../../shared/interrupts.ts'
import { print, printError } from '../../shared/output.ts'
import { call } from '../api/session.ts'
import { sessionFileOf } from '../api/session-file.ts'
import { dropletNameArg } from './name-arg.ts'

const MAX_TIMEOUT_SECONDS = 600

export const exec = defineCommand({
  description: 'Run the command that comes after -- in a droplet, and exit as it does',
  args: {
    name: dropletNameArg,
    timeout: {
      type: 'string',
      valueHint: 'SECONDS',
      description: `After so long it is ended, ${MAX_TIMEOUT_SECONDS} at most (60)`,
    },
    ...settingArgs('session-file'),
  },
  run: async ({ args, rawArgs }) => {
    const remoteCommand = parseRemoteCommand(rawArgs, args.name)
    const timeout = parseTimeout(args.timeout)
    using _ = onInterrupt(() => undefined)
    const body = { command: remoteCommand, timeout }
    // Eden puts it into the path as it is.
    const droplet = encodeURIComponent(args.name)
    const { exit, stdout, stderr, truncated } = await call(sessionFileOf(args), api => api.runCommand(droplet, body))
    await print(stdout)
    await printError(stderr)
    if (truncated) await printError('cikit-api: It printed more than a MiB: this is the beginning\n')
    if (exit === null) {
      const message = `Nobody knows how it ended: ${escapeText(args.name)} was stopped`
      throw new ClientError('refused', `${message}, see cikit-api droplet ls`)
    }
    process.exitCode = exit
  },
})

/** @throws ConfigError when there is none, or no droplet in front of it */
function parseRemoteCommand(rawArgs: readonly string[], name: string): string[] {
  const separator = rawArgs.indexOf('--')
  const remoteCommand = separator === -1 ? [] : rawArgs.slice(separator + 1)
  if (remoteCommand.length === 0) {
    const example = `cikit-api droplet exec ${escapeText(name)}`
    throw new ConfigError(
      `There is no command: give it after --, as in "${example} -- uname -a"; for a shell "-- sh -c …"`,
    )
  }
  // For the parser, what comes after -- are names, too.
  if (!rawArgs.slice(0, separator).includes(name)) {
    throw new ConfigError('There is no droplet before --: cikit-api droplet exec NAME -- COMMAND')
  }
  return remoteCommand
}

function parseTimeout(text = '60'): number {
  const seconds = Number(text)
  if (/^\d{1,3}$/.test(text) && seconds >= 1 && seconds <= MAX_TIMEOUT_SECONDS) return seconds
  throw new ConfigError(`--timeout: give a number of seconds from 1 to ${MAX_TIMEOUT_SECONDS}`)
}
