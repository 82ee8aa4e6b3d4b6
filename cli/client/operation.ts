import { ConfigError } from '../../src/core/errors.ts'
import { escapeText } from '../../src/core/log.ts'
import type { OperationBody } from '../../src/droplets/operations/schema.ts'
import { defineCommand, defineGroup } from '../shared/command.ts'
import { settingArgs } from '../shared/flags.ts'
import { toTable } from '../shared/table.ts'
import { requireDone } from './api/operations.ts'
import { call } from './api/session.ts'
import { sessionFileOf } from './api/session-file.ts'
import { createOperationWaiter } from './operation-waiter.ts'

const commonArgs = {
  json: { type: 'boolean', description: 'Print the API response' },
  ...settingArgs('session-file'),
} as const
const operationIdArg = { type: 'positional', required: true, description: 'ID of the operation' } as const

const ls = defineCommand({
  description: 'List operations, newest first',
  args: {
    limit: { type: 'string', valueHint: 'NUMBER', description: 'Number of operations, at most 1000 (100)' },
    droplet: { type: 'string', valueHint: 'NAME', description: 'Only operations of this droplet' },
    ...commonArgs,
  },
  run: async ({ args }) => {
    const { limit, droplet } = args
    if (limit !== undefined && !/^\d{1,4}$/.test(limit)) throw new ConfigError('--limit: give a number from 1 to 1000')
    const query = { ...(limit && { limit }), ...(droplet && { droplet }) }
    const operations = await call(sessionFileOf(args), api => api.operation.list.get({ query }))
    const header = ['ID', 'KIND', 'DROPLET', 'STATE', 'USER', 'CREATED']
    printBody(operations, args.json, () => toTable([header, ...operations.map(toRow)]))
  },
})

const show = defineCommand({
  description: 'Show an operation',
  args: {
    id: operationIdArg,
    wait: { type: 'boolean', description: 'Wait for it to finish; exit 1 if it did not succeed' },
    ...commonArgs,
  },
  run: async ({ args }) => {
    const file = sessionFileOf(args)
    const current = await call(file, api => api.operation.show({ operation: encodeURIComponent(args.id) }).get())
    if (!args.wait) return printBody(current, args.json, () => toDetails(current))
    const settled = await waitForEnd(current, args)
    printBody(settled, args.json, () => toDetails(settled))
    requireDone(settled)
  },
})

const cancel = defineCommand({
  description: 'Cancel an operation and undo its changes, while that is possible',
  args: { id: operationIdArg, ...commonArgs },
  run: async ({ args }) => {
    const cancelled = await call(sessionFileOf(args), api => api.cancelOperation(encodeURIComponent(args.id)))
    printBody(cancelled, args.json, () => `Cancelled: ${escapeText(toTitle(cancelled))}\n`)
  },
})

export const operation = defineGroup({
  description: 'Show and cancel operations on droplets',
  subCommands: { ls, show, cancel },
})

async function waitForEnd(operation: OperationBody, args: Record<string, unknown>): Promise<OperationBody> {
  using waiter = createOperationWaiter(sessionFileOf(args), args.json === true)
  return await waiter.waitForEnd(operation)
}

function printBody(body: OperationBody | OperationBody[], json: boolean | undefined, toText: () => string): void {
  process.stdout.write(json ? `${JSON.stringify(body)}\n` : toText())
}

function toRow({ id, kind, droplet, state, user, created_at }: OperationBody): string[] {
  return [id, kind, droplet ?? '-', state, user, created_at].map(escapeText)
}

function toDetails(operation: OperationBody): string {
  const { id, user, state, cancellable, created_at, started_at, ended_at, steps, progress, error } = operation
  const rows = [
    ['id', id],
    ['operation', toTitle(operation)],
    ['user', user],
    ['state', cancellable ? `${state}, can be cancelled` : state],
    ['created', created_at],
    ['started', started_at],
    ['ended', ended_at],
    ['steps', steps.map(toStep).join(', ') || null],
    ['progress', progress?.text ?? null],
    ['error', error && `${error.error} (${error.errorId})`],
  ]
  return toTable(rows.flatMap(([name = '', text]) => (text ? [[name ?? '', escapeText(text)]] : [])))
}

function toStep({ name, started_at, ended_at }: OperationBody['steps'][number]): string {
  if (ended_at === null) return name
  return `${name} ${((Date.parse(ended_at) - Date.parse(started_at)) / 1000).toFixed(1)} s`
}

function toTitle({ kind, droplet }: OperationBody): string {
  return droplet === null ? kind : `${kind} ${droplet}`
}
