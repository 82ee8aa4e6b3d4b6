import { stripVTControlCharacters } from 'node:util'
import { type ArgsDef, type CommandDef, defineCommand, renderUsage, runCommand, runMain } from 'citty'
import { ApiError, ClientError, ConfigError, OperatorError } from '../src/core/errors.ts'
import { describeError } from '../src/core/log.ts'
import { version } from '../src/version.ts'

const main: CommandDef = defineCommand({
  meta: {
    name: 'cikit-api',
    version,
    description: 'The REST API of a CIKit Matrix',
  },
  subCommands: {
    serve: () => import('./server/serve.ts').then(module => module.serve),
    'create-user': () => import('./host/create-user.ts').then(module => module.createUser),
    user: () => import('./host/user.ts').then(module => module.user),
    audit: () => import('./host/audit.ts').then(module => module.audit),
    'rotate-key': () => import('./host/rotate-key.ts').then(module => module.rotateKey),
    image: () => import('./host/image.ts').then(module => module.image),
    install: () => import('./host/install.ts').then(module => module.install),
    uninstall: () => import('./host/install.ts').then(module => module.uninstall),
    upgrade: () => import('./host/upgrade.ts').then(module => module.upgrade),
    backup: () => import('./host/backup.ts').then(module => module.backup),
    restore: () => import('./host/restore.ts').then(module => module.restore),
    import: () => import('./host/import.ts').then(module => module.importUsers),
    doctor: () => import('./host/doctor.ts').then(module => module.doctor),
    health: () => import('./host/health.ts').then(module => module.health),
    login: () => import('./client/login.ts').then(module => module.login),
    logout: () => import('./client/login.ts').then(module => module.logout),
    droplet: () => import('./client/droplet.ts').then(module => module.droplet),
    operation: () => import('./client/operation.ts').then(module => module.operation),
    events: () => import('./client/events.ts').then(module => module.events),
    completion: () => import('./host/completion.ts').then(module => module.createCompletionCommand(main)),
    man: () => import('./host/man.ts').then(module => module.createManCommand(main)),
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
