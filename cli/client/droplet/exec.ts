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
  description: 'Run a command in a droplet, given after --, and exit with its exit code',
  args: {
    name: dropletNameArg,
    timeout: {
      type: 'string',
      valueHint: 'SECONDS',
      description: `Time limit, at most ${MAX_TIMEOUT_SECONDS} (60)`,
    },
    ...settingArgs('session-file'),
  },
  run: async ({ args, rawArgs }) => {
    const remoteCommand = parseRemoteCommand(rawArgs, args.name)
    const timeout = parseTimeout(args.timeout)
    using _ = onInterrupt(() => undefined)
    const body = { command: remoteCommand, timeout }
    // Eden does not encode path parameters.
    const droplet = encodeURIComponent(args.name)
    const { exit, stdout, stderr, truncated } = await call(sessionFileOf(args), api => api.runCommand(droplet, body))
    await print(stdout)
    await printError(stderr)
    if (truncated) await printError('cikit-api: the output was cut after 1 MiB\n')
    if (exit === null) {
      const message = `The exit code is unknown: ${escapeText(args.name)} was stopped`
      throw new ClientError('refused', `${message}, see cikit-api droplet ls`)
    }
    process.exitCode = exit
  },
})

/** @throws ConfigError if there is no command */
function parseRemoteCommand(rawArgs: readonly string[], name: string): string[] {
  const separator = rawArgs.indexOf('--')
  const remoteCommand = separator === -1 ? [] : rawArgs.slice(separator + 1)
  if (remoteCommand.length === 0) {
    const example = `cikit-api droplet exec ${escapeText(name)}`
    throw new ConfigError(
      `no command given: put it after --, as in "${example} -- uname -a", or "-- sh -c …" for a shell`,
    )
  }
  return remoteCommand
}

function parseTimeout(text = '60'): number {
  const seconds = Number(text)
  if (/^\d{1,3}$/.test(text) && seconds >= 1 && seconds <= MAX_TIMEOUT_SECONDS) return seconds
  throw new ConfigError(`--timeout: give a number of seconds from 1 to ${MAX_TIMEOUT_SECONDS}`)
}
