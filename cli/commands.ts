import type { CommandDef, SubCommandsDef } from 'citty'
import { defineGroup } from './shared/command.ts'

interface CommandSection {
  title: string
  example: string
  commands: SubCommandsDef
}

/** All commands as the help groups them, each loaded when it is used. */
export const commandSections: CommandSection[] = [
  {
    title: 'Server',
    example: 'cikit-api serve --domain matrix.example.com',
    commands: {
      serve: () => import('./server/serve.ts').then(module => module.serve),
    },
  },
  {
    title: 'This host',
    example: 'cikit-api create-user -u ann -g owner',
    commands: {
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
      completion: () => import('./host/completion.ts').then(module => module.createCompletionCommand(rootCommand)),
      man: () => import('./host/man.ts').then(module => module.createManCommand(rootCommand)),
    },
  },
  {
    title: 'Client',
    example: 'cikit-api login https://matrix.example.com:1337',
    commands: {
      login: () => import('./client/login.ts').then(module => module.login),
      logout: () => import('./client/login.ts').then(module => module.logout),
      droplet: () => import('./client/droplet.ts').then(module => module.droplet),
      operation: () => import('./client/operation.ts').then(module => module.operation),
      events: () => import('./client/events.ts').then(module => module.events),
    },
  },
]

export const rootCommand: CommandDef = defineGroup({
  description: 'Manage the droplets of a CIKit Matrix: server, host administration and client',
  subCommands: Object.assign({}, ...commandSections.map(({ commands }) => commands)),
})
