import { stripVTControlCharacters } from 'node:util'
import { type ArgsDef, type CommandDef, defineCommand, renderUsage, runCommand, runMain } from 'citty'
import { ApiError, ClientError, ConfigError, OperatorError } from '../src/errors.ts'
import { describeError } from '../src/log.ts'
import { version } from '../src/version.ts'

const main: CommandDef = defineCommand({
  meta: {
    name: 'cikit-api',
    version,
    description: 'The REST API of a CIKit Matrix',
  },
  subCommands: {
    serve: () => import('./serve.ts').then(module => module.serve),
    'create-user': () => import('./create-user.ts').then(module => module.createUser),
    user: () => import('./user.ts').then(module => module.user),
    audit: () => import('./audit.ts').then(module => module.audit),
    'rotate-key': () => import('./rotate-key.ts').then(module => module.rotateKey),
    image: () => import('./image.ts').then(module => module.image),
    install: () => import('./install.ts').then(module => module.install),
    uninstall: () => import('./install.ts').then(module => module.uninstall),
    upgrade: () => import('./upgrade.ts').then(module => module.upgrade),
    backup: () => import('./backup.ts').then(module => module.backup),
    restore: () => import('./restore.ts').then(module => module.restore),
    import: () => import('./import.ts').then(module => module.importUsers),
    doctor: () => import('./doctor.ts').then(module => module.doctor),
    health: () => import('./health.ts').then(module => module.health),
    login: () => import('./login.ts').then(module => module.login),
    logout: () => import('./login.ts').then(module => module.logout),
    droplet: () => import('./droplet.ts').then(module => module.droplet),
    operation: () => import('./operation.ts').then(module => module.operation),
    events: () => import('./events.ts').then(module => module.events),
    completion: () => import('./completion.ts').then(module => module.createCompletionCommand(main)),
    man: () => import('./man.ts').then(module => module.createManCommand(main)),
  },
})

// Everything that this program writes is for its own user alone, whatever the shell it was started from says.
process.umask(0o077)

const rawArgs = process.argv.slice(2)
// What comes after -- is for a program in a droplet: `droplet exec cikit01 -- ls --help`.
const ownArgs = rawArgs.includes('--') ? rawArgs.slice(0, rawArgs.indexOf('--')) : rawArgs
const wantsHelp = rawArgs.length === 0 || ownArgs.some(arg => arg === '--help' || arg === '-h')
if (wantsHelp || rawArgs[0] === '--version') {
  await runMain(main, {
    rawArgs: wantsHelp ? [...ownArgs.filter(arg => arg !== '-h'), '--help'] : ['--version'],
    showUsage: printUsage,
  })
} else if (rawArgs[0]?.startsWith('-')) {
  reportError(
    new ConfigError(`${rawArgs[0]} is no flag of cikit-api itself: begin with a command, see cikit-api --help`),
  )
} else {
  await runCommand(main, { rawArgs }).catch(reportError)
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
