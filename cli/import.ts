import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { ConfigError, OperatorError } from '../src/errors.ts'
import { toCandidate } from '../src/import/candidate.ts'
import { readDocuments } from '../src/import/documents.ts'
import { type Encoding, encodings } from '../src/import/secret-text.ts'
import type { Verdict } from '../src/import/service.ts'
import { withAccess, withAct } from './access.ts'
import { command, settingArgs } from './command.ts'
import { toTable } from './table.ts'

const NAME = 'cikit-api import'
/** 10,000 users take a quarter of it. */
const MOST_BYTES = 10_000_000

export const importUsers = command({
  meta: {
    name: NAME,
    description: 'Take over the users of the original system; shows what it would do, unless --write',
  },
  args: {
    file: {
      type: 'positional',
      required: true,
      description: 'Its collection users, as mongoexport writes it, with --jsonArray or without',
    },
    write: { type: 'boolean', description: 'Do it' },
    encoding: {
      type: 'string',
      valueHint: encodings.join('|'),
      description: "How secrets are written, security.totp.type of the original's config.json (base32)",
    },
    json: { type: 'boolean', description: 'Print one JSON object' },
    ...settingArgs('data-dir', 'secret-key-file'),
  },
  run: async ({ args }) => {
    const encoding = encodingOf(args.encoding ?? 'base32')
    // Before root becomes the owner of the data directory, who may not be able to read it.
    const read = readDocuments(readExport(args.file)).map(found => toCandidate(found, encoding, Date.now()))
    const show = (verdicts: Verdict[]) => {
      const written = args.write === true
      process.stdout.write(args.json ? toJson(verdicts, written) : toText(verdicts, written))
      if (verdicts.some(({ outcome }) => outcome === 'refused')) process.exitCode = 1
    }
    if (args.write) await withAct(args, NAME, '', async ({ imported }, act) => show(await imported.take(act, read)))
    else await withAccess(args, async ({ imported }) => show(await imported.judge(read)))
  },
})

function encodingOf(name: string): Encoding {
  const encoding = encodings.find(known => known === name)
  if (!encoding) throw new ConfigError(`--encoding ${JSON.stringify(name)} is none: use ${encodings.join(', ')}`)
  return encoding
}

/** Says so when others can read the secrets in it. */
function readExport(path: string): Uint8Array {
  try {
    const file = openSync(path, 'r')
    try {
      const { mode, size } = fstatSync(file)
      const isFile = (mode & 0o170000) === 0o100000
      if (isFile && size > MOST_BYTES) throw new OperatorError(tooLarge(path))
      if (isFile && (mode & 0o044) !== 0) {
        process.stderr.write(`cikit-api: warning: others can read ${path} and the secrets in it: chmod 600 it\n`)
      }
      const bytes = readFileSync(file)
      if (bytes.length > MOST_BYTES) throw new OperatorError(tooLarge(path))
      return bytes
    } finally {
      closeSync(file)
    }
  } catch (error) {
    if (error instanceof OperatorError) throw error
    const reason = error instanceof Error ? error.message : String(error)
    throw new OperatorError(`The export ${path} cannot be read (${reason}): name a file that mongoexport wrote`)
  }
}

function tooLarge(path: string): string {
  return `The export ${path} is larger than ${MOST_BYTES / 1_000_000} MB: export the collection users, and no other`
}

const count = (verdicts: Verdict[], outcome: Verdict['outcome']) =>
  verdicts.filter(verdict => verdict.outcome === outcome).length

function toJson(verdicts: Verdict[], written: boolean): string {
  const users = verdicts.map(({ at, username = null, group = null, outcome, remark }) => {
    return { at, username, group, outcome, remark: remark || null }
  })
  const counts = {
    taken: count(verdicts, 'taken'),
    there: count(verdicts, 'there'),
    refused: count(verdicts, 'refused'),
  }
  return `${JSON.stringify({ written, ...counts, users })}\n`
}

function toText(verdicts: Verdict[], written: boolean): string {
  const words = { taken: written ? 'taken' : 'can be taken', there: 'there already', refused: 'NOT TAKEN' }
  const rows = verdicts.map(({ at, username = '-', group = '-', outcome, remark }) => {
    return [String(at), username, group, words[outcome], remark]
  })
  const sums = (['taken', 'there', 'refused'] as const).map(outcome => `${count(verdicts, outcome)} ${words[outcome]}`)
  return `${toTable([['LINE', 'USERNAME', 'GROUP', 'OUTCOME', 'REMARK'], ...rows])}
${sums.join(', ').toLowerCase()}.
${written ? WRITTEN : NOT_WRITTEN}`
}

const WRITTEN = `Who was taken keeps the authenticator app as it is, and logs in anew: tokens of the original count no more.
`
const NOT_WRITTEN = `Nothing was written: run it again with --write for that.
`
