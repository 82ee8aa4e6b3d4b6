import { useEffect, useMemo } from 'preact/hooks'
import { AuditTable } from '../audit/audit-table.tsx'
import { fetchRecords } from '../audit/records.ts'
import { ErrorMessage } from '../components/placeholders.tsx'
import { createResource } from '../state/resource.ts'

const MAX_RECORDS = 20

/** What the audit says of a droplet, or of whatever had this name before. */
export function AuditTrail({ name }: { name: string }) {
  const { data, errorText, load } = useMemo(
    () => createResource(() => fetchRecords({ user: '', action: '', target: name, since: '' }, MAX_RECORDS)),
    [name],
  )
  useEffect(() => void load(), [load])
  if (errorText.value) return <ErrorMessage text={errorText.value} onRetry={() => void load()} />
  if (!data.value?.length) return null
  return (
    <section class="audit trail">
      <h2>Its audit</h2>
      <AuditTable records={data.value} />
    </section>
  )
}
