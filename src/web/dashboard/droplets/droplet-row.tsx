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
          <td class="pick">
            <input
              type="checkbox"
              aria-label={`Pick ${name}`}
              checked={selectedDroplets.value.some(candidate => candidate.name === name)}
              onChange={event => setSelected([name], event.currentTarget.checked)}
            />
          </td>
        )}
        <th class="name" scope="row">
          <a href={hrefTo('droplet', name)}>{name}</a>
        </th>
        <td class="condition">
          <StatusBadge droplet={droplet} />
        </td>
        <td class="age" data-title="Age">
          <Age since={created_at} />
          {created_by && (
            <span class="soft">
              {' '}
              by <bdi>{created_by}</bdi>
            </span>
          )}
        </td>
        <td class="load">
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
            <CopyButton text={ssh.command} description={`the ssh command of ${name}`} label="ssh" />
          )}
        </td>
        <td class="do">{isManager.value && <DropletActions droplet={droplet} />}</td>
      </tr>
      {operation && (
        <tr class="doing">
          <td colSpan={isManager.value ? 7 : 6}>
            <OperationProgress operation={operation} />
          </td>
        </tr>
      )}
    </>
  )
}
