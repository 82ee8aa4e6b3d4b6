import { isManager } from '../api/session.ts'
import { Icon } from '../components/icon.tsx'
import { engineState } from '../state/store.ts'
import { DropletRow } from './droplet-row.tsx'
import { filterText, selectedDroplets, setSelected, sortOrder, toggleSort, visibleDroplets } from './list-state.ts'
import type { SortColumn } from './view-model.ts'

/** The droplets that match the filter; on a phone each row is a card. */
export function DropletTable() {
  const list = visibleDroplets.value ?? []
  if (list.length === 0) {
    return (
      <p class="no-results">
        No droplets match “{filterText}”.{' '}
        <button type="button" class="secondary small" onClick={() => (filterText.value = '')}>
          Clear filter
        </button>
      </p>
    )
  }
  const isAllSelected = selectedDroplets.value.length === list.length
  return (
    <table class={engineState.value === 'unreachable' ? 'stale' : ''}>
      <caption class="visually-hidden">Droplets ({list.length})</caption>
      <thead>
        <tr>
          {isManager.value && (
            <th class="select">
              <input
                type="checkbox"
                aria-label="Select all"
                checked={isAllSelected}
                onChange={() =>
                  setSelected(
                    list.map(({ name }) => name),
                    !isAllSelected,
                  )
                }
              />
            </th>
          )}
          <SortableHeader by="name" title="Name" />
          <SortableHeader by="state" title="State" />
          <SortableHeader by="age" title="Age" />
          <th>Usage</th>
          <th>Ports</th>
          <th>
            <span class="visually-hidden">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {list.map(droplet => (
          <DropletRow key={droplet.id} droplet={droplet} />
        ))}
      </tbody>
    </table>
  )
}

function SortableHeader({ by, title }: { by: SortColumn; title: string }) {
  const isActive = sortOrder.value.by === by
  return (
    <th aria-sort={isActive ? (sortOrder.value.descending ? 'descending' : 'ascending') : undefined}>
      <button type="button" class="plain" onClick={() => toggleSort(by)}>
        {title}
        {isActive && <Icon name={sortOrder.value.descending ? 'up' : 'down'} />}
      </button>
    </th>
  )
}
