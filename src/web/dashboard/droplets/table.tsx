import { isManager } from '../api/session.ts'
import { Icon } from '../parts/icon.tsx'
import { engine } from '../state/matrix.ts'
import { Row } from './row.tsx'
import { filter, order, orderBy, select, selected, shown } from './state.ts'
import type { Column } from './view.ts'

/** The droplets that are looked for; on a phone each row is a card. */
export function Table() {
  const list = shown.value ?? []
  if (list.length === 0) {
    return (
      <p class="nothing">
        No droplet is like “{filter}”.{' '}
        <button type="button" class="quiet small" onClick={() => (filter.value = '')}>
          Show all
        </button>
      </p>
    )
  }
  const isAll = selected.value.length === list.length
  return (
    <table class={engine.value === 'away' ? 'stale' : ''}>
      <caption class="unseen">Droplets, {list.length} of them</caption>
      <thead>
        <tr>
          {isManager.value && (
            <th class="pick">
              <input
                type="checkbox"
                aria-label="Pick all"
                checked={isAll}
                onChange={() =>
                  select(
                    list.map(({ name }) => name),
                    !isAll,
                  )
                }
              />
            </th>
          )}
          <Sorted by="name" title="Name" />
          <Sorted by="state" title="State" />
          <Sorted by="age" title="Age" />
          <th>Load</th>
          <th>Ports</th>
          <th>
            <span class="unseen">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {list.map(droplet => (
          <Row key={droplet.id} droplet={droplet} />
        ))}
      </tbody>
    </table>
  )
}

function Sorted({ by, title }: { by: Column; title: string }) {
  const isIt = order.value.by === by
  return (
    <th aria-sort={isIt ? (order.value.descending ? 'descending' : 'ascending') : undefined}>
      <button type="button" class="bare" onClick={() => orderBy(by)}>
        {title}
        {isIt && <Icon name={order.value.descending ? 'up' : 'down'} />}
      </button>
    </th>
  )
}
