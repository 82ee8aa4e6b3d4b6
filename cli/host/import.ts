import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { parseCandidate } from '../../src/backups/import/candidate.ts'
import { readDocuments } from '../../src/backups/import/documents.ts'
import { type Encoding, encodings } from '../../src/backups/import/secret-encoding.ts'
import type { ImportResult } from '../../src/backups/import/service.ts'
import { errorMessage } from '../../src/core/error-message.ts'
import { ConfigError, OperatorError } from '../../src/core/errors.ts'
import { defineCommand } from '../shared/command.ts'
import { settingArgs } from '../shared/flags.ts'
import { toTable } from '../shared/table.ts'
import { withAuditedContext, withCoreContext } from './core-context.ts'

/** 10,000 users take a quarter of this. */
const MAX_EXPORT_BYTES = 10_000_000

export const importUsers = defineCommand({
  description: 'Import the users of the original system; a dry run without --write',
  args: {
    file: {
      type: 'positional',
      required: true,
      description: 'Users collection of the original, exported by mongoexport with or without --jsonArray',
    },
    write: { type: 'boolean', description: 'Import the users' },
    encoding: {
      type: 'string',
      valueHint: encodings.join('|'),
      description: "Encoding of the secrets, security.totp.type in the original's config.json (base32)",
    },
    json: { type: 'boolean', description: 'Print one JSON object' },
    ...settingArgs('data-dir', 'secret-key-file'),
  },
  run: async ({ args, path }) => {
    const encoding = parseEncoding(args.encoding ?? 'base32')
    // Read before dropping privileges: the data directory's owner may not be allowed to read the file.
    const candidates = readDocuments(readExport(args.file)).map(document =>
      parseCandidate(document, encoding, Date.now()),
    )
    const printResults = (results: ImportResult[]) => {
      const written = args.write === true
      process.stdout.write(args.json ? toJson(results, written) : toText(results, written))
      if (results.some(({ outcome }) => outcome === 'rejected')) process.exitCode = 1
    }
    if (args.write)
      await withAuditedContext(args, path, '', async ({ userImport }, actor) =>
        printResults(await userImport.apply(actor, candidates)),
      )
    else await withCoreContext(args, async ({ userImport }) => printResults(await userImport.plan(candidates)))
  },
})

function parseEncoding(name: string): Encoding {
  const encoding = encodings.find(supported => supported === name)
  if (!encoding)
    throw new ConfigError(`--encoding ${JSON.stringify(name)} is not supported: use ${encodings.join(', ')}`)
  return encoding
}

/** Warns if others can read the file: it contains secrets. */
function readExport(path: string): Uint8Array {
  try {
    const file = openSync(path, 'r')
    try {
      const { mode, size } = fstatSync(file)
      const isFile = (mode & 0o170000) === 0o100000
      if (isFile && size > MAX_EXPORT_BYTES) throw new OperatorError(tooLargeMessage(path))
      if (isFile && (mode & 0o044) !== 0) {
        process.stderr.write(`cikit-api: warning: others can read ${path} and its secrets: run chmod 600 ${path}\n`)
      }
      const bytes = readFileSync(file)
      if (bytes.length > MAX_EXPORT_BYTES) throw new OperatorError(tooLargeMessage(path))
      return bytes
    } finally {
      closeSync(file)
    }
  } catch (error) {
    if (error instanceof OperatorError) throw error
    const reason = errorMessage(error)
    throw new OperatorError(`The export ${path} cannot be read (${reason}): name a file that mongoexport wrote`)
  }
}

function tooLargeMessage(path: string): string {
  return `The export ${path} is larger than ${MAX_EXPORT_BYTES / 1_000_000} MB: export only the users collection`
}

const countOutcome = (results: ImportResult[], outcome: ImportResult['outcome']) =>
  results.filter(result => result.outcome === outcome).length

/** The outcomes as the JSON output names them. */
const jsonOutcomes = { new: 'taken', existing: 'there', rejected: 'refused' } as const

function toJson(results: ImportResult[], written: boolean): string {
  const users = results.map(({ position, username = null, group = null, outcome, remark }) => {
    return { at: position, username, group, outcome: jsonOutcomes[outcome], remark: remark || null }
  })
  const counts = {
    taken: countOutcome(results, 'new'),
    there: countOutcome(results, 'existing'),
    refused: countOutcome(results, 'rejected'),
  }
  return `${JSON.stringify({ written, ...counts, users })}\n`
}

function toText(results: ImportResult[], written: boolean): string {
  const labels = { new: written ? 'imported' : 'can be imported', existing: 'already exists', rejected: 'REJECTED' }
  const rows = results.map(({ position, username = '-', group = '-', outcome, remark }) => {
    return [String(position), username, group, labels[outcome], remark]
  })
  const totals = (['new', 'existing', 'rejected'] as const).map(
    outcome => `${countOutcome(results, outcome)} ${labels[outcome]}`,
  )
  return `${toTable([['LINE', 'USERNAME', 'GROUP', 'OUTCOME', 'REMARK'], ...rows])}
${totals.join(', ').toLowerCase()}.
${written ? WRITTEN_NOTE : DRY_RUN_NOTE}`
}

const WRITTEN_NOTE = `Imported users keep their authenticator app. They have to log in again: tokens of the original are invalid.
`
const DRY_RUN_NOTE = `Nothing was written: run it again with --write to import these users.
`
