import { useSignal, useSignalEffect } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import { isOwner } from '../api/session.ts'
import { saveFile } from '../parts/save-file.ts'
import { Empty, Loading, Problem } from '../parts/states.tsx'
import { auditVersion } from '../state/matrix.ts'
import { telling } from '../state/notices.ts'
import { createReading } from '../state/reading.ts'
import { joined } from './joined.ts'
import { lastNumber, PAGE, readAll, readRecords, toCsv, type Wanted } from './records.ts'
import { AuditTable } from './table.tsx'

const everything: Wanted = { user: '', action: '', target: '', since: '' }

/** Who did what, for the owner. */
export function Audit(_: { parts: readonly string[] }) {
  return <section class="audit">{isOwner.value ? <Records /> : <NotYours />}</section>
}

function NotYours() {
  return (
    <>
      <h1>Audit</h1>
      <Empty title="This is the owner's page">
        <p class="soft">Only the owner of this Matrix sees who did what.</p>
      </Empty>
    </>
  )
}

function Records() {
  const wanted = useSignal(everything)
  const isWhole = useSignal(false)
  const { value, problem, read, put } = useMemo(
    () =>
      createReading(async () => {
        const records = await readRecords(wanted.peek(), PAGE)
        isWhole.value = records.length < PAGE
        return records
      }),
    [wanted, isWhole],
  )
  useEffect(() => void read(), [read])
  const follows = useSignal(true)
  useSignalEffect(() => {
    if (auditVersion.value > 0 && follows.value) void follow()
  })
  const follow = async () => {
    const newest = await readRecords(wanted.peek(), PAGE).catch(() => undefined)
    if (newest && value.peek()) put(joined(newest, value.peek() ?? []))
  }
  const more = async () => {
    const known = value.peek() ?? []
    const older = await readRecords(wanted.peek(), PAGE, lastNumber(known))
    isWhole.value = older.length < PAGE
    put([...known, ...older])
  }
  const save = async () => {
    const text = toCsv(await readAll(wanted.peek()))
    saveFile(`audit-${new Date().toISOString().slice(0, 10)}.csv`, 'text/csv', text)
  }
  const field = (name: keyof Wanted, label: string, placeholder: string) => (
    <label>
      {label}
      <input
        name={name}
        autocomplete="off"
        autocapitalize="none"
        spellcheck={false}
        placeholder={placeholder}
        value={wanted.value[name]}
        onInput={event => (wanted.value = { ...wanted.value, [name]: event.currentTarget.value })}
      />
    </label>
  )
  return (
    <>
      <header class="head">
        <h1>Audit</h1>
        <label class="choice follow">
          <input type="checkbox" checked={follows} onChange={event => (follows.value = event.currentTarget.checked)} />
          Follow
        </label>
        <button type="button" class="quiet" onClick={() => void telling(save())}>
          Save as CSV
        </button>
      </header>
      <form
        class="wanted"
        onSubmit={event => {
          event.preventDefault()
          void read()
        }}
      >
        {field('user', 'Who', 'ann')}
        {field('action', 'What', 'droplet.stop')}
        {field('target', 'To', 'cikit01')}
        {field('since', 'Since', '2026-11-24')}
        <button type="submit" class="quiet">
          Show
        </button>
      </form>
      {problem.value && <Problem text={problem.value} retry={() => void read()} />}
      {!value.value && !problem.value && <Loading what="the audit" />}
      {value.value?.length === 0 && <p class="nothing">Nothing of this kind is recorded.</p>}
      {value.value && value.value.length > 0 && <AuditTable records={value.value} />}
      {value.value && !isWhole.value && (
        <p class="more">
          <button type="button" class="quiet" onClick={() => void telling(more())}>
            Show older ones
          </button>
        </p>
      )}
    </>
  )
}
