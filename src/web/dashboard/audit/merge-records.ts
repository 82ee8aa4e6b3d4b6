import type { auditList } from '../../../audit/schema.ts'

export type AuditRecord = (typeof auditList.static)[number]

/** The newest records, and of those that were read before what is older than all of them. */
export function mergeRecords(newest: readonly AuditRecord[], previous: readonly AuditRecord[]): AuditRecord[] {
  const oldest = newest.findLast(({ id }) => id !== null)?.id ?? 0
  return [...newest, ...previous.filter(({ id }) => id !== null && id < oldest)]
}
