import { OperatorError } from '../../core/errors.ts'

/** Of a users collection that is none, or of an attack. One user takes some 250 bytes. */
const MAX_DOCUMENTS = 10_000
const MAX_LINE_LENGTH = 16_384

/** A document of an export, and where it stands. */
export interface ExportedDocument {
  /** Its line; in an array, its place from 1 on. */
  position: number
  /** Undefined for what is no object in JSON. */
  document: Record<string, unknown> | undefined
}

/**
 * The documents of an export as `mongoexport` writes it: one a line, or with `--jsonArray` one array. A byte order mark,
 * CRLF and empty lines do not matter. What is wrong is told by its line and never by what stands there, which may be a
 * secret.
 * @throws OperatorError for what is no such file at all
 */
export function readDocuments(bytes: Uint8Array): ExportedDocument[] {
  const text = decode(bytes)
  const documents = text.trimStart().startsWith('[') ? readArray(text) : readLines(text)
  if (documents.length === 0) {
    throw new OperatorError('The export is empty: make it with mongoexport --db cikit-rest-api --collection users')
  }
  if (documents.length > MAX_DOCUMENTS) {
    throw new OperatorError(
      `The export has more than ${MAX_DOCUMENTS} documents: export the collection users, and no other`,
    )
  }
  return documents
}

function decode(bytes: Uint8Array): string {
  try {
    // A byte order mark is left out by that.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new OperatorError('The export is not UTF-8: take the file as mongoexport writes it')
  }
}

function readArray(text: string): ExportedDocument[] {
  const list = parse(text)
  if (!Array.isArray(list)) {
    throw new OperatorError('The export begins as an array and is none: export it again with mongoexport --jsonArray')
  }
  return list.map((value: unknown, index) => ({ position: index + 1, document: toObject(value) }))
}

function readLines(text: string): ExportedDocument[] {
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return []
    return [{ position: index + 1, document: line.length > MAX_LINE_LENGTH ? undefined : toObject(parse(line)) }]
  })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Its message would repeat what stands there.
    return undefined
  }
}

function toObject(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
}
