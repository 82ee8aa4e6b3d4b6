import { isManager } from '../api/session.ts'
import { Icon } from '../components/icon.tsx'
import { engineState } from '../state/store.ts'
import { DropletRow } from './droplet-row.tsx'
import { filterText, selectedDroplets, setSelected, sortOrder, toggleSort, visibleDroplets } from './list-state.ts'
import type { SortColumn } from './view-model.ts'

/** The droplets that are looked for; on a phone each row is a card. */
export function DropletTable() {
  const list = visibleDroplets.value ?? []
  if (list.length === 0) {
    return (
      <p class="nothing">
        No droplet is like “{filterText}”.{' '}
        <button type="button" class="quiet small" onClick={() => (filterText.value = '')}>
          Show all
        </button>
      </p>
    )
  }
  const isAllSelected = selectedDroplets.value.length === list.length
  return (
    <table class={engineState.value === 'away' ? 'stale' : ''}>
      <caption class="unseen">Droplets, {list.length} of them</caption>
      <thead>
        <tr>
          {isManager.value && (
            <th class="pick">
              <input
                type="checkbox"
                aria-label="Pick all"
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
          <th>Load</th>
          <th>Ports</th>
          <th>
            <span class="unseen">Actions</span>
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
      <button type="button" class="bare" onClick={() => toggleSort(by)}>
        {title}
        {isActive && <Icon name={sortOrder.value.descending ? 'up' : 'down'} />}
      </button>
    </th>
  )
}
