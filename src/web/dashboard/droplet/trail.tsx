import { useEffect, useMemo } from 'preact/hooks'
import { readRecords } from '../audit/records.ts'
import { AuditTable } from '../audit/table.tsx'
import { Problem } from '../parts/states.tsx'
import { createReading } from '../state/reading.ts'

const SHOWN = 20

/** What the audit says of a droplet, or of whatever had this name before. */
export function Trail({ name }: { name: string }) {
  const { value, problem, read } = useMemo(
    () => createReading(() => readRecords({ user: '', action: '', target: name, since: '' }, SHOWN)),
    [name],
  )
  useEffect(() => void read(), [read])
  if (problem.value) return <Problem text={problem.value} retry={() => void read()} />
  if (!value.value?.length) return null
  return (
    <section class="audit trail">
      <h2>Its audit</h2>
      <AuditTable records={value.value} />
    </section>
  )
}
