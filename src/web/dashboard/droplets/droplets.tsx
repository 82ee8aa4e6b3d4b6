import './droplets.css'
import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { isManager } from '../api/session.ts'
import { Icon } from '../parts/icon.tsx'
import { Empty, Loading, Problem } from '../parts/states.tsx'
import { keyList } from '../state/keys.ts'
import { droplets, engine, readMatrix, trouble } from '../state/matrix.ts'
import { followStatistics } from '../state/statistics.ts'
import { AddDialog } from './add-dialog.tsx'
import { Adds } from './adds.tsx'
import { Bulk } from './bulk.tsx'
import { moveInRows } from './keyboard.ts'
import { filter } from './state.ts'
import { Table } from './table.tsx'

/** All droplets as they are now. */
export function Droplets(_: { parts: readonly string[] }) {
  const isAdding = useSignal(false)
  const field = useRef<HTMLInputElement>(null)
  useEffect(followStatistics, [])
  useEffect(() => {
    const taken = [
      keyList.add('/', 'Look for droplets', () => field.current?.focus()),
      keyList.add('ArrowDown', 'The next droplet', () => moveInRows(1)),
      keyList.add('ArrowUp', 'The droplet before', () => moveInRows(-1)),
    ]
    return () => {
      for (const back of taken) back()
    }
  }, [])
  return (
    <section class="droplets">
      <header class="head">
        <h1>Droplets</h1>
        <label class="find">
          <span class="unseen">Look for droplets</span>
          <input
            ref={field}
            type="search"
            placeholder="Filter by name or state"
            spellcheck={false}
            value={filter}
            onInput={event => (filter.value = event.currentTarget.value)}
            onKeyDown={event => event.key === 'ArrowDown' && moveInRows(1)}
          />
        </label>
        {isManager.value && (
          <button type="button" onClick={() => (isAdding.value = true)}>
            <Icon name="add" /> Add
          </button>
        )}
      </header>
      {engine.value === 'away' && (
        <div class="problem" role="alert">
          The container engine cannot be reached. Droplets may go on running; what is shown is from before. It is looked
          for every second.
        </div>
      )}
      {trouble.value && <Problem text={trouble.value} retry={() => void readMatrix()} />}
      <Adds />
      <List />
      {isAdding.value && <AddDialog close={() => (isAdding.value = false)} />}
    </section>
  )
}

function List() {
  const all = droplets.value
  if (!all) return engine.value === 'away' || trouble.value ? null : <Loading what="the droplets" />
  if (all.length > 0) {
    return (
      <>
        <Bulk />
        <Table />
      </>
    )
  }
  return (
    <Empty title="No droplets yet">
      <p class="soft">
        {isManager.value
          ? 'Add the first one: it boots in seconds, with sshd and everything that a machine of its own has.'
          : 'A manager of this Matrix can add them.'}
      </p>
    </Empty>
  )
}
