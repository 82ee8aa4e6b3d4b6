import type { auditList } from '../../../audit/schema.ts'

export type AuditRecord = (typeof auditList.static)[number]

/** Prepends newer records. Records without an id are still being counted, so only their newest version is used. */
export function mergeRecords(newest: readonly AuditRecord[], previous: readonly AuditRecord[]): AuditRecord[] {
  const oldest = newest.findLast(({ id }) => id !== null)?.id ?? 0
  return [...newest, ...previous.filter(({ id }) => id !== null && id < oldest)]
}
