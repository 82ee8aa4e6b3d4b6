import { requestJson } from '../api/client.ts'
import type { AuditRecord } from './merge-records.ts'

/** What is looked for; what is empty narrows nothing. */
export interface AuditFilter {
  user: string
  action: string
  target: string
  since: string
}

export const PAGE_SIZE = 100
/** In one file. */
const MAX_EXPORTED = 10_000

/** Newest first, those before the record `cursor`. */
export async function fetchRecords(filter: AuditFilter, limit: number, cursor?: number): Promise<AuditRecord[]> {
  const query = new URLSearchParams({ limit: String(limit) })
  for (const [name, value] of Object.entries(filter)) if (value.trim() !== '') query.set(name, value.trim())
  if (cursor !== undefined) query.set('cursor', String(cursor))
  return await requestJson<AuditRecord[]>(`/audit/list?${query}`)
}

/** All that is looked for, as far as one file holds it. */
export async function fetchAllRecords(filter: AuditFilter): Promise<AuditRecord[]> {
  const all: AuditRecord[] = []
  while (all.length < MAX_EXPORTED) {
    const cursor = oldestId(all)
    if (all.length > 0 && cursor === undefined) break
    const batch = await fetchRecords(filter, 1_000, cursor)
    all.push(...batch)
    if (batch.length < 1_000) break
  }
  return all
}

/** Of the oldest record that has a number: refusals that are still counted up have none. */
export function oldestId(records: readonly AuditRecord[]): number | undefined {
  return records.findLast(({ id }) => id !== null)?.id ?? undefined
}

const columns = ['id', 'time', 'user', 'address', 'action', 'target', 'result', 'error_id', 'count'] as const

/** RFC 4180. What a spreadsheet would take for a formula is put behind an apostrophe. */
export function toCsv(records: readonly AuditRecord[]): string {
  const cell = (value: string | number | null) => {
    const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value ?? '')
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
  }
  return [columns, ...records.map(record => columns.map(column => cell(record[column])))]
    .map(line => `${line.join(',')}\r\n`)
    .join('')
}
