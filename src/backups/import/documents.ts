import { OperatorError } from '../../core/errors.ts'

/** More than any real users collection has. A user takes about 250 bytes. */
const MAX_DOCUMENTS = 10_000
const MAX_LINE_LENGTH = 16_384

/** A document of an export with its position. */
export interface ExportedDocument {
  /** Line number; in an array, the index from 1 on. */
  position: number
  /** Undefined for anything but a JSON object. */
  document: Record<string, unknown> | undefined
}

/**
 * Reads an export of `mongoexport`: one document per line, or an array with `--jsonArray`. Accepts a byte order mark, CRLF
 * and empty lines. Errors name the position and never quote the content, which may be a secret.
 * @throws OperatorError for any other file
 */
export function readDocuments(bytes: Uint8Array): ExportedDocument[] {
  const text = decode(bytes)
  const documents = text.trimStart().startsWith('[') ? readArray(text) : readLines(text)
  if (documents.length === 0) {
    throw new OperatorError('The export is empty: create it with mongoexport --db cikit-rest-api --collection users')
  }
  if (documents.length > MAX_DOCUMENTS) {
    throw new OperatorError(`The export has more than ${MAX_DOCUMENTS} documents: export only the collection users`)
  }
  return documents
}

function decode(bytes: Uint8Array): string {
  try {
    // Skips a byte order mark.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new OperatorError('The export is not UTF-8: use the file as written by mongoexport')
  }
}

function readArray(text: string): ExportedDocument[] {
  const list = parse(text)
  if (!Array.isArray(list)) {
    throw new OperatorError(
      'The export starts like an array but is not one: export it again with mongoexport --jsonArray',
    )
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
    // The parser's message would quote the content.
    return undefined
  }
}

function toObject(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
}
