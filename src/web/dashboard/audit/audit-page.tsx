import { useSignal, useSignalEffect } from '@preact/signals'
import { isOwner } from '../api/session.ts'
import { downloadFile } from '../components/download-file.ts'
import { OwnerOnly } from '../components/owner-only.tsx'
import { ResourceStatus } from '../components/placeholders.tsx'
import { useResource } from '../state/resource.ts'
import { auditVersion } from '../state/store.ts'
import { withErrorToast } from '../state/toasts.ts'
import { AuditTable } from './audit-table.tsx'
import { mergeRecords } from './merge-records.ts'
import { type AuditFilter, fetchAllRecords, fetchRecords, oldestId, PAGE_SIZE, toCsv } from './records.ts'

const emptyFilter: AuditFilter = { user: '', action: '', target: '', since: '' }

export function AuditPage(_: { segments: readonly string[] }) {
  return (
    <section class="audit">
      {isOwner.value ? (
        <AuditRecords />
      ) : (
        <OwnerOnly title="Audit log">The audit log shows who did what on this Matrix.</OwnerOnly>
      )}
    </section>
  )
}

function AuditRecords() {
  const filter = useSignal(emptyFilter)
  const isComplete = useSignal(false)
  const resource = useResource(async () => {
    const records = await fetchRecords(filter.peek(), PAGE_SIZE)
    isComplete.value = records.length < PAGE_SIZE
    return records
  })
  const { data, load, setData } = resource
  const isFollowing = useSignal(true)
  useSignalEffect(() => {
    if (auditVersion.value > 0 && isFollowing.value) void prependNewest()
  })
  const prependNewest = async () => {
    const newest = await fetchRecords(filter.peek(), PAGE_SIZE).catch(() => undefined)
    if (newest && data.peek()) setData(mergeRecords(newest, data.peek() ?? []))
  }
  const loadOlder = async () => {
    const loaded = data.peek() ?? []
    const older = await fetchRecords(filter.peek(), PAGE_SIZE, oldestId(loaded))
    isComplete.value = older.length < PAGE_SIZE
    setData([...loaded, ...older])
  }
  const exportCsv = async () => {
    const text = toCsv(await fetchAllRecords(filter.peek()))
    downloadFile(`audit-${new Date().toISOString().slice(0, 10)}.csv`, 'text/csv', text)
  }
  const renderField = (name: keyof AuditFilter, label: string, placeholder: string) => (
    <label>
      {label}
      <input
        name={name}
        autocomplete="off"
        autocapitalize="none"
        spellcheck={false}
        placeholder={placeholder}
        value={filter.value[name]}
        onInput={event => (filter.value = { ...filter.value, [name]: event.currentTarget.value })}
      />
    </label>
  )
  return (
    <>
      <header class="page-header">
        <h1>Audit log</h1>
        <label class="inline follow">
          <input
            type="checkbox"
            checked={isFollowing}
            onChange={event => (isFollowing.value = event.currentTarget.checked)}
          />
          Follow
        </label>
        <button type="button" class="secondary" onClick={() => void withErrorToast(exportCsv())}>
          Download CSV
        </button>
      </header>
      <form
        class="filters"
        onSubmit={event => {
          event.preventDefault()
          void load()
        }}
      >
        {renderField('user', 'User', 'ann')}
        {renderField('action', 'Action', 'droplet.stop')}
        {renderField('target', 'Target', 'cikit01')}
        {renderField('since', 'Since', '2026-11-24')}
        <button type="submit" class="secondary">
          Apply
        </button>
      </form>
      <ResourceStatus resource={resource} label="audit log" />
      {data.value?.length === 0 && <p class="no-results">No matching records.</p>}
      {data.value && data.value.length > 0 && <AuditTable records={data.value} />}
      {data.value && !isComplete.value && (
        <p class="load-more">
          <button type="button" class="secondary" onClick={() => void withErrorToast(loadOlder())}>
            Load older records
          </button>
        </p>
      )}
    </>
  )
}
