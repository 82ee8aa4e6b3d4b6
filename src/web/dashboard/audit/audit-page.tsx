import { useSignal, useSignalEffect } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import { isOwner } from '../api/session.ts'
import { downloadFile } from '../components/download-file.ts'
import { EmptyState, ErrorMessage, Loading } from '../components/placeholders.tsx'
import { createResource } from '../state/resource.ts'
import { auditVersion } from '../state/store.ts'
import { withErrorToast } from '../state/toasts.ts'
import { AuditTable } from './audit-table.tsx'
import { mergeRecords } from './merge-records.ts'
import { type AuditFilter, fetchAllRecords, fetchRecords, oldestId, PAGE_SIZE, toCsv } from './records.ts'

const emptyFilter: AuditFilter = { user: '', action: '', target: '', since: '' }

/** Who did what, for the owner. */
export function AuditPage(_: { segments: readonly string[] }) {
  return <section class="audit">{isOwner.value ? <AuditRecords /> : <OwnerOnly />}</section>
}

function OwnerOnly() {
  return (
    <>
      <h1>Audit</h1>
      <EmptyState title="This is the owner's page">
        <p class="soft">Only the owner of this Matrix sees who did what.</p>
      </EmptyState>
    </>
  )
}

function AuditRecords() {
  const filter = useSignal(emptyFilter)
  const isComplete = useSignal(false)
  const { data, errorText, load, setData } = useMemo(
    () =>
      createResource(async () => {
        const records = await fetchRecords(filter.peek(), PAGE_SIZE)
        isComplete.value = records.length < PAGE_SIZE
        return records
      }),
    [filter, isComplete],
  )
  useEffect(() => void load(), [load])
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
      <header class="head">
        <h1>Audit</h1>
        <label class="choice follow">
          <input
            type="checkbox"
            checked={isFollowing}
            onChange={event => (isFollowing.value = event.currentTarget.checked)}
          />
          Follow
        </label>
        <button type="button" class="quiet" onClick={() => void withErrorToast(exportCsv())}>
          Save as CSV
        </button>
      </header>
      <form
        class="wanted"
        onSubmit={event => {
          event.preventDefault()
          void load()
        }}
      >
        {renderField('user', 'Who', 'ann')}
        {renderField('action', 'What', 'droplet.stop')}
        {renderField('target', 'To', 'cikit01')}
        {renderField('since', 'Since', '2026-11-24')}
        <button type="submit" class="quiet">
          Show
        </button>
      </form>
      {errorText.value && <ErrorMessage text={errorText.value} onRetry={() => void load()} />}
      {!data.value && !errorText.value && <Loading label="the audit" />}
      {data.value?.length === 0 && <p class="nothing">Nothing of this kind is recorded.</p>}
      {data.value && data.value.length > 0 && <AuditTable records={data.value} />}
      {data.value && !isComplete.value && (
        <p class="more">
          <button type="button" class="quiet" onClick={() => void withErrorToast(loadOlder())}>
            Show older ones
          </button>
        </p>
      )}
    </>
  )
}
