import { readEnv, toClientConfig } from '../../src/config/config.ts'
import { ClientError, ConfigError } from '../../src/core/errors.ts'
import { escapeText } from '../../src/core/log.ts'
import type { DropletList } from '../../src/droplets/schema.ts'
import { defineCommand, defineGroup } from '../shared/command.ts'
import { settingArgs, toFlags } from '../shared/flags.ts'
import { toTable } from '../shared/table.ts'
import { requireDone } from './api/operations.ts'
import { call } from './api/session.ts'
import { sessionFileOf } from './api/session-file.ts'
import { consoleCommand } from './droplet/console.ts'
import { exec } from './droplet/exec.ts'
import { logs } from './droplet/logs.ts'
import { dropletNameArg } from './droplet/name-arg.ts'
import { readPublicKeys } from './droplet/public-keys.ts'
import { stats } from './droplet/stats.ts'
import { createOperationWaiter, type SendRequest } from './operation-waiter.ts'
import { runSsh } from './ssh.ts'

const commonArgs = {
  json: { type: 'boolean', description: 'Print the list as the API returns it' },
  ...settingArgs('session-file'),
} as const
const changeArgs = {
  wait: {
    type: 'boolean',
    description: 'Also wait until a started droplet is ready (at most 5 minutes)',
  },
  detach: { type: 'boolean', description: 'Do not wait; print the ID of the operation' },
  ...commonArgs,
} as const

const ls = defineCommand({
  description: 'List the droplets, newest first',
  args: commonArgs,
  run: async ({ args }) => printDroplets(await fetchDroplets(args), args.json),
})

const add = defineCommand({
  description: 'Create and start a droplet that accepts your SSH keys',
  args: {
    ...changeArgs,
    'ssh-keys': {
      type: 'string',
      valueHint: 'FILES',
      description: 'Files with public keys, separated by commas, or "none" (~/.ssh/id_*.pub)',
    },
  },
  run: async ({ args }) => {
    const ssh_keys = readPublicKeys(args['ssh-keys'], toClientConfig(toFlags(args), readEnv()).sshDir)
    await runChangeCommand(args, 'running', (api, headers) => api.droplet.add.post({ ssh_keys }, { headers }))
  },
})

const start = createChangeCommand(
  'Start a droplet',
  'running',
  droplet => (api, headers) => api.droplet.start({ droplet }).patch(undefined, { headers }),
)
const stop = createChangeCommand(
  'Stop a droplet',
  'stopped',
  droplet => (api, headers) => api.droplet.stop({ droplet }).patch(undefined, { headers }),
)
const restart = createChangeCommand(
  'Stop a droplet and start it again',
  'running',
  droplet => (api, headers) => api.droplet.restart({ droplet }).patch(undefined, { headers }),
)
const rm = createChangeCommand(
  'Delete a droplet and all its data',
  'gone',
  droplet => (api, headers) => api.removeDroplet(droplet, headers),
)

const ssh = defineCommand({
  description: 'Open an SSH session to a droplet, or run the command given after --',
  args: { name: dropletNameArg, ...settingArgs('session-file') },
  run: async ({ args, rawArgs }) => {
    const droplet = (await fetchDroplets(args)).find(droplet => droplet.name === args.name)
    const port = droplet?.ports['22']?.from.port
    if (!droplet || port === undefined) {
      throw new ClientError('refused', `There is no running droplet ${escapeText(args.name)}: see cikit-api droplet ls`)
    }
    const { hostname } = new URL(sessionFileOf(args).read().url)
    const remoteCommand = rawArgs.includes('--') ? rawArgs.slice(rawArgs.indexOf('--') + 1) : []
    const key = droplet.ssh?.host_key
    const hostKey = key ? { alias: `${droplet.name}-${droplet.id}`, key } : undefined
    process.exitCode = await runSsh({ hostname, port, remoteCommand, hostKey })
  },
})

export const droplet = defineGroup({
  description: 'Manage the droplets of the Matrix you are logged in to',
  subCommands: { ls, add, start, stop, restart, rm, ssh, exec, console: consoleCommand, logs, stats },
})

type TargetState = 'running' | 'stopped' | 'gone'

/** A command that changes one droplet. */
function createChangeCommand(
  description: string,
  targetState: TargetState,
  requestFor: (droplet: string) => SendRequest,
) {
  return defineCommand({
    description,
    args: { name: dropletNameArg, ...changeArgs },
    // Eden does not encode path parameters.
    run: ({ args }) => runChangeCommand(args, targetState, requestFor(encodeURIComponent(args.name))),
  })
}

async function runChangeCommand(
  args: Record<string, unknown>,
  targetState: TargetState,
  sendRequest: SendRequest,
): Promise<void> {
  if (args.wait && args.detach) throw new ConfigError('--wait and --detach cannot be combined: choose one')
  const { operation, after: droplets } = await performChange(args, targetState, sendRequest)
  if (args.detach) {
    process.stdout.write(`${args.json ? JSON.stringify(operation) : escapeText(operation.id)}\n`)
  } else if (args.json || targetState !== 'gone') {
    printDroplets(args.json ? droplets : droplets.filter(({ name }) => name === operation.droplet), args.json === true)
  } else process.stdout.write(`Deleted ${escapeText(operation.droplet ?? '')}\n`)
}

/** @returns the operation, and the droplets after it; no droplets with `--detach` */
async function performChange(args: Record<string, unknown>, targetState: TargetState, sendRequest: SendRequest) {
  using waiter = createOperationWaiter(sessionFileOf(args), args.json === true)
  const started = await waiter.request(sendRequest)
  if (args.detach) return { operation: started, after: [] }
  const operation = await waiter.waitForEnd(started)
  requireDone(operation)
  const awaitsReady = args.wait && targetState === 'running'
  return { operation, after: awaitsReady ? await waiter.waitUntilReady(operation.droplet ?? '') : await waiter.list() }
}

const fetchDroplets = (args: Record<string, unknown>) => call(sessionFileOf(args), api => api.droplet.list.get())

function printDroplets(droplets: DropletList, json = false): void {
  if (json) return void process.stdout.write(`${JSON.stringify(droplets)}\n`)
  // Older servers do not report health.
  const hasHealth = droplets.some(droplet => 'health' in droplet)
  const rows = droplets.map(({ name, status, health, created, ports }) => [
    ...[name, status, ...(hasHealth ? [health ?? '-'] : []), created],
    ports['22'] ? String(ports['22'].from.port) : '-',
  ])
  const header = ['NAME', 'STATUS', ...(hasHealth ? ['HEALTH'] : []), 'CREATED', 'SSH']
  process.stdout.write(toTable([header, ...rows.map(row => row.map(escapeText))]))
}
