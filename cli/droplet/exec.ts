import { ClientError, ConfigError } from '../../src/errors.ts'
import { escapeText } from '../../src/log.ts'
import { call } from '../client/client.ts'
import { command, sessionFileOf, settingArgs } from '../command.ts'
import { onInterrupt } from '../interrupt.ts'
import { complain, print } from '../output.ts'
import { name } from './name.ts'

const LONGEST_SECONDS = 600

export const exec = command({
  meta: {
    name: 'cikit-api droplet exec',
    description: 'Run the command that comes after -- in a droplet, and exit as it does',
  },
  args: {
    name,
    timeout: {
      type: 'string',
      valueHint: 'SECONDS',
      description: `After so long it is ended, ${LONGEST_SECONDS} at most (60)`,
    },
    ...settingArgs('session-file'),
  },
  run: async ({ args, rawArgs }) => {
    const words = commandOf(rawArgs, args.name)
    const timeout = secondsOf(args.timeout)
    using _ = onInterrupt(() => undefined)
    const body = { command: words, timeout }
    // Eden puts it into the path as it is.
    const droplet = encodeURIComponent(args.name)
    const { exit, stdout, stderr, truncated } = await call(sessionFileOf(args), api => api.runCommand(droplet, body))
    await print(stdout)
    await complain(stderr)
    if (truncated) await complain('cikit-api: It printed more than a MiB: this is the beginning\n')
    if (exit === null) {
      const stopped = `Nobody knows how it ended: ${escapeText(args.name)} was stopped`
      throw new ClientError('refused', `${stopped}, see cikit-api droplet ls`)
    }
    process.exitCode = exit
  },
})

/** @throws ConfigError when there is none, or no droplet in front of it */
function commandOf(rawArgs: readonly string[], name: string): string[] {
  const at = rawArgs.indexOf('--')
  const words = at === -1 ? [] : rawArgs.slice(at + 1)
  if (words.length === 0) {
    const given = `cikit-api droplet exec ${escapeText(name)}`
    throw new ConfigError(
      `There is no command: give it after --, as in "${given} -- uname -a"; for a shell "-- sh -c …"`,
    )
  }
  // For the parser, what comes after -- are names, too.
  if (!rawArgs.slice(0, at).includes(name)) {
    throw new ConfigError('There is no droplet before --: cikit-api droplet exec NAME -- COMMAND')
  }
  return words
}

function secondsOf(text = '60'): number {
  const seconds = Number(text)
  if (/^\d{1,3}$/.test(text) && seconds >= 1 && seconds <= LONGEST_SECONDS) return seconds
  throw new ConfigError(`--timeout: give a number of seconds from 1 to ${LONGEST_SECONDS}`)
}
