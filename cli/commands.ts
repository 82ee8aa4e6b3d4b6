import { type CommandDef, defineCommand } from 'citty'
import { version } from '../src/version.ts'

/** The root command with all sub-commands, each loaded when it is used. */
export const rootCommand: CommandDef = defineCommand({
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
    completion: () => import('./host/completion.ts').then(module => module.createCompletionCommand(rootCommand)),
    man: () => import('./host/man.ts').then(module => module.createManCommand(rootCommand)),
  },
})
