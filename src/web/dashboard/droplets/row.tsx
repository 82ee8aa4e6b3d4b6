import type { DropletBody } from '../../../droplets/model.ts'
import { isManager } from '../api/session.ts'
import { Age } from '../parts/age.tsx'
import { Copy } from '../parts/copy.tsx'
import { openOperations } from '../state/matrix.ts'
import { to } from '../state/router.ts'
import { Curve } from '../statistics/curve.tsx'
import { Actions } from './actions.tsx'
import { Condition } from './condition.tsx'
import { Progress } from './progress.tsx'
import { select, selected } from './state.ts'
import { webLinks } from './view.ts'

export function Row({ droplet }: { droplet: DropletBody }) {
  const { name, created_at, created_by, ssh } = droplet
  const operation = openOperations.value.get(name)
  return (
    <>
      <tr data-row={name} class={operation ? 'busy' : ''}>
        {isManager.value && (
          <td class="pick">
            <input
              type="checkbox"
              aria-label={`Pick ${name}`}
              checked={selected.value.some(each => each.name === name)}
              onChange={event => select([name], event.currentTarget.checked)}
            />
          </td>
        )}
        <th class="name" scope="row">
          <a href={to('droplet', name)}>{name}</a>
        </th>
        <td class="condition">
          <Condition droplet={droplet} />
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
              <Curve name={name} kind="cpu" />
              <Curve name={name} kind="memory" />
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
            <Copy text={ssh.command} what={`the ssh command of ${name}`} label="ssh" />
          )}
        </td>
        <td class="do">{isManager.value && <Actions droplet={droplet} />}</td>
      </tr>
      {operation && (
        <tr class="doing">
          <td colSpan={isManager.value ? 7 : 6}>
            <Progress operation={operation} />
          </td>
        </tr>
      )}
    </>
  )
}
