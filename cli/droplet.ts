import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CommandMeta, defineCommand } from 'citty'
import { readEnv, toClientConfig } from '../src/config.ts'
import type { dropletList } from '../src/droplets/model.ts'
import { ClientError, ConfigError, OperatorError } from '../src/errors.ts'
import { escapeText } from '../src/log.ts'
import type { OperationBody } from '../src/operations/model.ts'
import { call } from './client/client.ts'
import { createSessionFile } from './client/session-file.ts'
import { command, flagsOf, settingArgs } from './command.ts'
import { toTable } from './table.ts'

type Droplets = typeof dropletList.static
type Answered = Droplets | OperationBody
type Ask = Parameters<typeof call<Answered>>[1]

const common = {
  json: { type: 'boolean', description: 'Print the list as the API answers it' },
  ...settingArgs('session-file'),
} as const
const name = { type: 'positional', required: true, description: 'Name of the droplet' } as const

/** The public keys that OpenSSH makes by itself (ssh-keygen(1)). */
const USUAL_KEYS = ['id_ed25519.pub', 'id_ed25519_sk.pub', 'id_ecdsa.pub', 'id_ecdsa_sk.pub', 'id_rsa.pub']

const ls = command({
  meta: { name: 'cikit-api droplet ls', description: 'List the droplets, newest first' },
  args: common,
  run: async ({ args }) => print(await ask(args, api => api.droplet.list.get()), args.json),
})

const add = command({
  meta: { name: 'cikit-api droplet add', description: 'Make and start a droplet that lets your SSH keys in' },
  args: {
    ...common,
    'ssh-keys': {
      type: 'string',
      valueHint: 'FILES',
      description: 'Public keys to let in, separated by commas; "none" for none (~/.ssh/id_*.pub)',
    },
  },
  run: async ({ args }) => {
    const ssh_keys = readPublicKeys(args['ssh-keys'], toClientConfig(flagsOf(args), readEnv()).sshDir)
    const before = await ask(args, api => api.droplet.list.get())
    const known = new Set(before.map(({ id }) => id))
    const after = await ask(args, api => api.droplet.add.post({ ssh_keys }))
    print(args.json ? after : after.filter(({ id }) => !known.has(id)), args.json)
  },
})

const start = change({ name: 'cikit-api droplet start', description: 'Start a droplet' }, (api, droplet) =>
  api.droplet.start({ droplet }).patch(),
)
const stop = change({ name: 'cikit-api droplet stop', description: 'Stop a droplet' }, (api, droplet) =>
  api.droplet.stop({ droplet }).patch(),
)
const restart = change({ name: 'cikit-api droplet restart', description: 'Stop and start a droplet' }, (api, droplet) =>
  api.droplet.restart({ droplet }).patch(),
)
const rm = change({ name: 'cikit-api droplet rm', description: 'Delete a droplet with its data' }, (api, droplet) =>
  api.removeDroplet(droplet),
)

const ssh = command({
  meta: { name: 'cikit-api droplet ssh', description: 'Enter a droplet by ssh; after -- comes what ssh is to run' },
  args: { name, ...settingArgs('session-file') },
  run: async ({ args, rawArgs }) => {
    const droplets = await ask(args, api => api.droplet.list.get())
    const port = droplets.find(droplet => droplet.name === args.name)?.ports['22']?.from.port
    if (port === undefined) {
      throw new ClientError('refused', `There is no running droplet ${args.name}: see cikit-api droplet ls`)
    }
    const { hostname } = new URL(sessionOf(args).read().url)
    const words = rawArgs.includes('--') ? rawArgs.slice(rawArgs.indexOf('--') + 1) : []
    const host = `root@${hostname.replace(/^\[|\]$/g, '')}`
    if (!Bun.which('ssh')) throw new OperatorError('There is no ssh here: install an OpenSSH client')
    const child = Bun.spawn(['ssh', '-p', String(port), host, ...words], { stdio: ['inherit', 'inherit', 'inherit'] })
    process.exitCode = await child.exited
  },
})

export const droplet = defineCommand({
  meta: { name: 'cikit-api droplet', description: 'Droplets of the Matrix that you are logged in to' },
  subCommands: { ls, add, start, stop, restart, rm, ssh },
})

/** A command that does one thing to the droplet that it names. */
function change(meta: CommandMeta, work: (api: Parameters<Ask>[0], droplet: string) => ReturnType<Ask>) {
  return command({
    meta,
    args: { name, ...common },
    run: async ({ args }) => {
      // Eden puts it into the path as it is.
      const droplet = encodeURIComponent(args.name)
      const after = await ask(args, api => work(api, droplet))
      print(args.json ? after : after.filter(droplet => droplet.name === args.name), args.json)
    },
  })
}

async function ask(args: Record<string, unknown>, work: Ask): Promise<Droplets> {
  const answered = await call(sessionOf(args), work)
  if (!Array.isArray(answered)) throw new ClientError('refused', 'The server did not wait for the end of the change')
  return answered
}

function sessionOf(args: Record<string, unknown>) {
  return createSessionFile(toClientConfig(flagsOf(args), readEnv()).sessionFile)
}

function print(droplets: Droplets, json = false): void {
  if (json) return void process.stdout.write(`${JSON.stringify(droplets)}\n`)
  const rows = droplets.map(({ name, status, created, ports }) => [
    name,
    status,
    created,
    ports['22'] ? String(ports['22'].from.port) : '-',
  ])
  process.stdout.write(toTable([['NAME', 'STATUS', 'CREATED', 'SSH'], ...rows.map(row => row.map(escapeText))]))
}

/** @param files named by the person, or none: then those that OpenSSH makes are taken as far as they are there */
function readPublicKeys(files: string | undefined, sshDir: string): string[] {
  if (files === 'none') return []
  if (files === undefined) return USUAL_KEYS.flatMap(file => readKey(join(sshDir, file)) ?? [])
  return files.split(',').map(file => {
    const key = readKey(file)
    if (key === undefined) throw new ConfigError(`--ssh-keys: ${file} cannot be read: name a public key`)
    if (key.includes('PRIVATE KEY')) throw new ConfigError(`--ssh-keys: ${file} is a private key: name the public one`)
    return key
  })
}

function readKey(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    return undefined
  }
}
