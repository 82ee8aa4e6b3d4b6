import './droplets.css'
import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { isManager } from '../api/session.ts'
import { Icon } from '../components/icon.tsx'
import { EmptyState, ErrorMessage, Loading } from '../components/placeholders.tsx'
import { addShortcut } from '../state/shortcuts.ts'
import { subscribeToStats } from '../state/stats.ts'
import { droplets, engineState, loadError, loadStore } from '../state/store.ts'
import { AddDropletDialog } from './add-droplet-dialog.tsx'
import { BulkActions } from './bulk-actions.tsx'
import { DropletTable } from './droplet-table.tsx'
import { moveRowFocus } from './keyboard.ts'
import { filterText } from './list-state.ts'
import { PendingAdds } from './pending-adds.tsx'

export function DropletsPage(_: { segments: readonly string[] }) {
  const isAdding = useSignal(false)
  const filterInput = useRef<HTMLInputElement>(null)
  useEffect(subscribeToStats, [])
  useEffect(() => {
    const removals = [
      addShortcut('/', 'Search', () => filterInput.current?.focus()),
      addShortcut('ArrowDown', 'Next', () => moveRowFocus(1)),
      addShortcut('ArrowUp', 'Previous', () => moveRowFocus(-1)),
    ]
    return () => {
      for (const remove of removals) remove()
    }
  }, [])
  return (
    <section class="droplets">
      <header class="page-header">
        <h1>Droplets</h1>
        <label class="search">
          <span class="visually-hidden">Filter droplets</span>
          <input
            ref={filterInput}
            type="search"
            placeholder="Filter droplets"
            spellcheck={false}
            value={filterText}
            onInput={event => (filterText.value = event.currentTarget.value)}
            onKeyDown={event => event.key === 'ArrowDown' && moveRowFocus(1)}
          />
        </label>
        {isManager.value && (
          <button type="button" onClick={() => (isAdding.value = true)}>
            <Icon name="add" /> Add
          </button>
        )}
      </header>
      {engineState.value === 'unreachable' && (
        <div class="alert" role="alert">
          The container engine cannot be reached. Droplets may still be running, but this list may be out of date.
          Retrying every second.
        </div>
      )}
      {loadError.value && <ErrorMessage text={loadError.value} onRetry={() => void loadStore()} />}
      <PendingAdds />
      <DropletListView />
      {isAdding.value && <AddDropletDialog onClose={() => (isAdding.value = false)} />}
    </section>
  )
}

function DropletListView() {
  const list = droplets.value
  if (!list) return engineState.value === 'unreachable' || loadError.value ? null : <Loading label="droplets" />
  if (list.length > 0) {
    return (
      <>
        <BulkActions />
        <DropletTable />
      </>
    )
  }
  return (
    <EmptyState title="No droplets yet">
      <p class="muted">
        {isManager.value
          ? 'Add the first one. It boots in seconds and works like a separate machine with its own SSH server.'
          : 'A manager of this Matrix can add one.'}
      </p>
    </EmptyState>
  )
}
