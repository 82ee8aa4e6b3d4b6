import type { DropletBody } from '../../../droplets/schema.ts'
import { isManager } from '../api/session.ts'
import { Age } from '../components/age.tsx'
import { CopyButton } from '../components/copy-button.tsx'
import { hrefTo } from '../state/router.ts'
import { unfinishedOperations } from '../state/store.ts'
import { Sparkline } from '../stats/sparkline.tsx'
import { DropletActions } from './droplet-actions.tsx'
import { selectedDroplets, setSelected } from './list-state.ts'
import { OperationProgress } from './operation-progress.tsx'
import { StatusBadge } from './status-badge.tsx'
import { webLinks } from './view-model.ts'

export function DropletRow({ droplet }: { droplet: DropletBody }) {
  const { name, created_at, created_by, ssh } = droplet
  const operation = unfinishedOperations.value.get(name)
  return (
    <>
      <tr data-row={name} class={operation ? 'busy' : ''}>
        {isManager.value && (
          <td class="select">
            <input
              type="checkbox"
              aria-label={`Select ${name}`}
              checked={selectedDroplets.value.some(candidate => candidate.name === name)}
              onChange={event => setSelected([name], event.currentTarget.checked)}
            />
          </td>
        )}
        <th class="name" scope="row">
          <a href={hrefTo('droplet', name)}>{name}</a>
        </th>
        <td class="status">
          <StatusBadge droplet={droplet} />
        </td>
        <td class="age">
          <Age since={created_at} />
          {created_by && (
            <span class="muted">
              {' '}
              by <bdi>{created_by}</bdi>
            </span>
          )}
        </td>
        <td class="usage">
          {droplet.state === 'running' && (
            <>
              <Sparkline name={name} metric="cpu" />
              <Sparkline name={name} metric="memory" />
            </>
          )}
        </td>
        <td class="ports">
          {webLinks(droplet, location.hostname).map(({ href, port }) => (
            <a key={port} href={href} target="_blank" rel="noopener noreferrer">
              {port}
            </a>
          ))}
          {ssh && droplet.state === 'running' && (
            <CopyButton text={ssh.command} description={`the SSH command for ${name}`} label="SSH" />
          )}
        </td>
        <td class="row-actions">{isManager.value && <DropletActions droplet={droplet} />}</td>
      </tr>
      {operation && (
        <tr class="operation-row">
          <td colSpan={isManager.value ? 7 : 6}>
            <OperationProgress operation={operation} />
          </td>
        </tr>
      )}
    </>
  )
}
