import { type CommandMeta, defineCommand } from 'citty'
import { readEnv, toClientConfig } from '../src/config.ts'
import type { DropletList } from '../src/droplets/model.ts'
import { ClientError, ConfigError } from '../src/errors.ts'
import { escapeText } from '../src/log.ts'
import { refuseUnlessDone } from './client/change.ts'
import { call } from './client/client.ts'
import { readPublicKeys } from './client/public-keys.ts'
import { command, flagsOf, sessionFileOf, settingArgs } from './command.ts'
import { console } from './droplet/console.ts'
import { exec } from './droplet/exec.ts'
import { logs } from './droplet/logs.ts'
import { name } from './droplet/name.ts'
import { stats } from './droplet/stats.ts'
import { runSsh } from './ssh.ts'
import { toTable } from './table.ts'
import { createWaiting, type Send } from './waiting.ts'

const common = {
  json: { type: 'boolean', description: 'Print the list as the API answers it' },
  ...settingArgs('session-file'),
} as const
const changing = {
  wait: {
    type: 'boolean',
    description: 'Wait until the droplet is ready, too, where it is to run (5 minutes at most)',
  },
  detach: { type: 'boolean', description: 'Do not wait: print the id of the operation' },
  ...common,
} as const

const ls = command({
  meta: { name: 'cikit-api droplet ls', description: 'List the droplets, newest first' },
  args: common,
  run: async ({ args }) => print(await list(args), args.json),
})

const add = command({
  meta: { name: 'cikit-api droplet add', description: 'Make and start a droplet that lets your SSH keys in' },
  args: {
    ...changing,
    'ssh-keys': {
      type: 'string',
      valueHint: 'FILES',
      description: 'Public keys to let in, separated by commas; "none" for none (~/.ssh/id_*.pub)',
    },
  },
  run: async ({ args }) => {
    const ssh_keys = readPublicKeys(args['ssh-keys'], toClientConfig(flagsOf(args), readEnv()).sshDir)
    await change(args, 'running', (api, headers) => api.droplet.add.post({ ssh_keys }, { headers }))
  },
})

const start = changeOf(
  { name: 'cikit-api droplet start', description: 'Start a droplet' },
  'running',
  droplet => (api, headers) => api.droplet.start({ droplet }).patch(undefined, { headers }),
)
const stop = changeOf(
  { name: 'cikit-api droplet stop', description: 'Stop a droplet' },
  'stopped',
  droplet => (api, headers) => api.droplet.stop({ droplet }).patch(undefined, { headers }),
)
const restart = changeOf(
  { name: 'cikit-api droplet restart', description: 'Stop and start a droplet' },
  'running',
  droplet => (api, headers) => api.droplet.restart({ droplet }).patch(undefined, { headers }),
)
const rm = changeOf(
  { name: 'cikit-api droplet rm', description: 'Delete a droplet with its data' },
  'gone',
  droplet => (api, headers) => api.removeDroplet(droplet, headers),
)

const ssh = command({
  meta: { name: 'cikit-api droplet ssh', description: 'Enter a droplet by ssh; after -- comes what ssh is to run' },
  args: { name, ...settingArgs('session-file') },
  run: async ({ args, rawArgs }) => {
    const droplet = (await list(args)).find(droplet => droplet.name === args.name)
    const port = droplet?.ports['22']?.from.port
    if (!droplet || port === undefined) {
      throw new ClientError('refused', `There is no running droplet ${escapeText(args.name)}: see cikit-api droplet ls`)
    }
    const { hostname } = new URL(sessionFileOf(args).read().url)
    const words = rawArgs.includes('--') ? rawArgs.slice(rawArgs.indexOf('--') + 1) : []
    const key = droplet.ssh?.host_key
    const hostKey = key ? { alias: `${droplet.name}-${droplet.id}`, key } : undefined
    process.exitCode = await runSsh({ hostname, port, words, hostKey })
  },
})

export const droplet = defineCommand({
  meta: { name: 'cikit-api droplet', description: 'Droplets of the Matrix that you are logged in to' },
  subCommands: { ls, add, start, stop, restart, rm, ssh, exec, console, logs, stats },
})

/** What a droplet is to be after a change. */
type Wanted = 'running' | 'stopped' | 'gone'

/** A command that does one thing to the droplet that it names. */
function changeOf(meta: CommandMeta, wanted: Wanted, sendFor: (droplet: string) => Send) {
  return command({
    meta,
    args: { name, ...changing },
    // Eden puts it into the path as it is.
    run: ({ args }) => change(args, wanted, sendFor(encodeURIComponent(args.name))),
  })
}

async function change(args: Record<string, unknown>, wanted: Wanted, send: Send): Promise<void> {
  if (args.wait && args.detach) throw new ConfigError('--wait and --detach do not go together: choose one')
  const { operation, after } = await carryOut(args, wanted, send)
  if (args.detach) {
    process.stdout.write(`${args.json ? JSON.stringify(operation) : escapeText(operation.id)}\n`)
  } else if (args.json || wanted !== 'gone') {
    print(args.json ? after : after.filter(({ name }) => name === operation.droplet), args.json === true)
  } else process.stdout.write(`Deleted ${escapeText(operation.droplet ?? '')}\n`)
}

/** @returns the operation, and the list after it; for one that nobody waits for, none */
async function carryOut(args: Record<string, unknown>, wanted: Wanted, send: Send) {
  using waiting = createWaiting(sessionFileOf(args), args.json === true)
  const begun = await waiting.request(send)
  if (args.detach) return { operation: begun, after: [] }
  const operation = await waiting.follow(begun)
  refuseUnlessDone(operation)
  const becomesReady = args.wait && wanted === 'running'
  return { operation, after: becomesReady ? await waiting.ready(operation.droplet ?? '') : await waiting.list() }
}

const list = (args: Record<string, unknown>) => call(sessionFileOf(args), api => api.droplet.list.get())

function print(droplets: DropletList, json = false): void {
  if (json) return void process.stdout.write(`${JSON.stringify(droplets)}\n`)
  // A server that is older does not tell.
  const told = droplets.some(droplet => 'health' in droplet)
  const rows = droplets.map(({ name, status, health, created, ports }) => [
    ...[name, status, ...(told ? [health ?? '-'] : []), created],
    ports['22'] ? String(ports['22'].from.port) : '-',
  ])
  const heading = ['NAME', 'STATUS', ...(told ? ['HEALTH'] : []), 'CREATED', 'SSH']
  process.stdout.write(toTable([heading, ...rows.map(row => row.map(escapeText))]))
}
