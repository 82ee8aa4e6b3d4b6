import { AuditTable } from '../audit/audit-table.tsx'
import { fetchRecords } from '../audit/records.ts'
import { ErrorMessage } from '../components/placeholders.tsx'
import { useResource } from '../state/resource.ts'

const MAX_RECORDS = 20

/** Audit records of this droplet name, including earlier droplets that had it. */
export function AuditTrail({ name }: { name: string }) {
  const { data, errorText, load } = useResource(() =>
    fetchRecords({ user: '', action: '', target: name, since: '' }, MAX_RECORDS),
  )
  if (errorText.value) return <ErrorMessage text={errorText.value} onRetry={() => void load()} />
  if (!data.value?.length) return null
  return (
    <section class="audit audit-trail">
      <h2>Audit log</h2>
      <AuditTable records={data.value} />
    </section>
  )
}
