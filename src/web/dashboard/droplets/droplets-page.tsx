import './droplets.css'
import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { isManager } from '../api/session.ts'
import { Icon } from '../components/icon.tsx'
import { EmptyState, ErrorMessage, Loading } from '../components/placeholders.tsx'
import { shortcutRegistry } from '../state/shortcuts.ts'
import { subscribeToStats } from '../state/stats.ts'
import { droplets, engineState, loadError, loadStore } from '../state/store.ts'
import { AddDialog } from './add-dialog.tsx'
import { BulkActions } from './bulk-actions.tsx'
import { DropletTable } from './droplet-table.tsx'
import { moveRowFocus } from './keyboard.ts'
import { filterText } from './list-state.ts'
import { PendingAdds } from './pending-adds.tsx'

/** All droplets as they are now. */
export function DropletsPage(_: { segments: readonly string[] }) {
  const isAdding = useSignal(false)
  const filterInput = useRef<HTMLInputElement>(null)
  useEffect(subscribeToStats, [])
  useEffect(() => {
    const unregisterAll = [
      shortcutRegistry.add('/', 'Look for droplets', () => filterInput.current?.focus()),
      shortcutRegistry.add('ArrowDown', 'The next droplet', () => moveRowFocus(1)),
      shortcutRegistry.add('ArrowUp', 'The droplet before', () => moveRowFocus(-1)),
    ]
    return () => {
      for (const unregister of unregisterAll) unregister()
    }
  }, [])
  return (
    <section class="droplets">
      <header class="head">
        <h1>Droplets</h1>
        <label class="find">
          <span class="unseen">Look for droplets</span>
          <input
            ref={filterInput}
            type="search"
            placeholder="Filter by name or state"
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
      {engineState.value === 'away' && (
        <div class="problem" role="alert">
          The container engine cannot be reached. Droplets may go on running; what is shown is from before. It is looked
          for every second.
        </div>
      )}
      {loadError.value && <ErrorMessage text={loadError.value} onRetry={() => void loadStore()} />}
      <PendingAdds />
      <DropletListView />
      {isAdding.value && <AddDialog onClose={() => (isAdding.value = false)} />}
    </section>
  )
}

function DropletListView() {
  const list = droplets.value
  if (!list) return engineState.value === 'away' || loadError.value ? null : <Loading label="the droplets" />
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
      <p class="soft">
        {isManager.value
          ? 'Add the first one: it boots in seconds, with sshd and everything that a machine of its own has.'
          : 'A manager of this Matrix can add them.'}
      </p>
    </EmptyState>
  )
}
