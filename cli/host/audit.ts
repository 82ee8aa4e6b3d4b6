import { type AuditQuery, parseAuditFilter, toAuditList } from '../../src/audit/model.ts'
import type { Audit, ListedEntry } from '../../src/audit/service.ts'
import { ApiError, ConfigError, OperatorError } from '../../src/core/errors.ts'
import type { AuditFilter } from '../../src/store/audit.ts'
import { defineCommand } from '../shared/command.ts'
import { settingArgs } from '../shared/flags.ts'
import { hostUser, withCoreContext } from './core-context.ts'

const POLL_INTERVAL_MS = 1_000
const MAX_RECORDS_PER_POLL = 100_000

export const audit = defineCommand({
  description: 'Show the audit log, newest record last',
  args: {
    since: {
      type: 'string',
      valueHint: 'TIME',
      description: 'Only records since this time, such as 2026-11-23T16:00:00Z',
    },
    user: { type: 'string', valueHint: 'NAME', description: 'Only actions of this user' },
    action: {
      type: 'string',
      valueHint: 'WORDS',
      description: 'Only this action, such as droplet.add, or droplet for all of them',
    },
    target: { type: 'string', valueHint: 'NAME', description: 'Only actions on this user, droplet or session' },
    limit: { type: 'string', valueHint: 'NUMBER', description: 'Number of records, at most 1000 (100)' },
    follow: { type: 'boolean', description: 'Keep following until Ctrl-C' },
    json: { type: 'boolean', description: 'Print one JSON object per line' },
    verify: { type: 'boolean', description: 'Verify that no record was changed, removed or moved' },
    restart: { type: 'boolean', description: 'Start a new chain after audit.key was lost' },
    ...settingArgs('data-dir', 'secret-key-file'),
  },
  run: async ({ args }) => {
    const filter = parseFilter(args)
    if (args.verify && args.restart) throw new ConfigError('--verify and --restart cannot be combined: verify first')
    if (args.restart)
      return await withCoreContext(args, printRestarted, { exclusive: true, restartAudit: { by: hostUser() } })
    await withCoreContext(args, async ({ audit }) => {
      if (args.verify) return verify(audit, args.json === true)
      const format = args.json ? formatJson : formatText
      let lastShown = await printRecords(await audit.list(filter), format)
      while (args.follow) {
        await Bun.sleep(POLL_INTERVAL_MS)
        await audit.flush()
        const newRecords = audit.records({ ...filter, after: lastShown, limit: MAX_RECORDS_PER_POLL })
        lastShown = Math.max(lastShown, await printRecords(newRecords, format))
      }
    })
  },
})

function parseFilter(args: Record<string, unknown>): Partial<AuditFilter> {
  try {
    return parseAuditFilter(toQuery(args))
  } catch (error) {
    if (error instanceof ApiError) throw new ConfigError(error.message.replace(/"(\w+)"/, '--$1'))
    throw error
  }
}

function toQuery({ since, user, action, target, limit }: Record<string, unknown>): AuditQuery {
  const asString = (value: unknown) => (typeof value === 'string' ? value : undefined)
  return {
    since: asString(since),
    user: asString(user),
    action: asString(action),
    target: asString(target),
    limit: asString(limit),
  }
}

/** @throws OperatorError if a record was tampered with, so that scripts see it */
function verify(audit: Audit, json: boolean): void {
  const { records, earlier, newest, mac, findings } = audit.verify()
  if (json)
    process.stdout.write(`${JSON.stringify({ ok: findings.length === 0, records, earlier, newest, mac, findings })}\n`)
  else if (findings.length === 0) {
    process.stdout.write(
      `${records} records, none changed, removed or moved. The newest is ${newest}, its mac ${mac}\n`,
    )
  } else process.stdout.write(`${findings.join('\n')}\n`)
  if (earlier > 0 && !json) process.stdout.write(`${earlier} older records use an earlier key and were not verified\n`)
  if (findings.length > 0)
    throw new OperatorError('The audit log was tampered with: compare it with backups of the database')
}

function printRestarted(): void {
  process.stdout.write(
    'The audit log continues with the current key. Records of an earlier key can be read, but not verified\n',
  )
}

/** @returns the number of the newest record; 0 for none */
async function printRecords(records: ListedEntry[], format: (record: ListedEntry) => string): Promise<number> {
  await Bun.write(Bun.stdout, records.toReversed().map(format).join(''))
  return records.find(({ number }) => number !== null)?.number ?? 0
}

function formatJson(record: ListedEntry): string {
  return `${JSON.stringify(toAuditList([record])[0])}\n`
}

function formatText({ time, user, address, action, target, result, errorId, count }: ListedEntry): string {
  const outcome = `${result}${errorId === null ? '' : ` ${errorId}`}${count > 1 ? ` (${count} times)` : ''}`
  const columns = [user || '-', address, action, target || '-']
  return `${new Date(time).toISOString()}  ${columns.map(column => column.padEnd(15)).join(' ')} ${outcome}\n`
}
