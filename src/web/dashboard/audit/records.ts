import { requestJson } from '../api/client.ts'
import type { AuditRecord } from './merge-records.ts'

/** Empty fields match everything. */
export interface AuditFilter {
  user: string
  action: string
  target: string
  since: string
}

export const PAGE_SIZE = 100
const EXPORT_PAGE_SIZE = 1_000
/** Records in one CSV file. */
const MAX_EXPORTED = 10_000

/** @returns records older than `cursor`, newest first */
export async function fetchRecords(filter: AuditFilter, limit: number, cursor?: number): Promise<AuditRecord[]> {
  const query = new URLSearchParams({ limit: String(limit) })
  for (const [name, value] of Object.entries(filter)) if (value.trim() !== '') query.set(name, value.trim())
  if (cursor !== undefined) query.set('cursor', String(cursor))
  return await requestJson<AuditRecord[]>(`/audit/list?${query}`)
}

/** @returns all matching records, newest first, up to the limit of one file */
export async function fetchAllRecords(filter: AuditFilter): Promise<AuditRecord[]> {
  const all: AuditRecord[] = []
  while (all.length < MAX_EXPORTED) {
    const cursor = oldestId(all)
    if (all.length > 0 && cursor === undefined) break
    const batch = await fetchRecords(filter, EXPORT_PAGE_SIZE, cursor)
    all.push(...batch)
    if (batch.length < EXPORT_PAGE_SIZE) break
  }
  return all
}

/** Denials that are still being aggregated have no id yet. */
export function oldestId(records: readonly AuditRecord[]): number | undefined {
  return records.findLast(({ id }) => id !== null)?.id ?? undefined
}

const columns = ['id', 'time', 'user', 'address', 'action', 'target', 'result', 'error_id', 'count'] as const

/** CSV by RFC 4180. An apostrophe stops spreadsheets from evaluating a cell as a formula. */
export function toCsv(records: readonly AuditRecord[]): string {
  const cell = (value: string | number | null) => {
    const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value ?? '')
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
  }
  return [columns, ...records.map(record => columns.map(column => cell(record[column])))]
    .map(line => `${line.join(',')}\r\n`)
    .join('')
}
