import './droplet.css'
import type { ComponentChildren } from 'preact'
import { useEffect, useMemo } from 'preact/hooks'
import type { DropletBody } from '../../../droplets/model.ts'
import type { OperationBody } from '../../../operations/model.ts'
import { ask } from '../api/api.ts'
import { isManager, isOwner } from '../api/session.ts'
import { Actions } from '../droplets/actions.tsx'
import { Condition } from '../droplets/condition.tsx'
import { Progress } from '../droplets/progress.tsx'
import { webLinks } from '../droplets/view.ts'
import { Logs } from '../logs/logs.tsx'
import { Age } from '../parts/age.tsx'
import { Copy } from '../parts/copy.tsx'
import { Icon } from '../parts/icon.tsx'
import { Empty, Loading } from '../parts/states.tsx'
import { droplets, isOpen, openOperations, operations } from '../state/matrix.ts'
import { createReading } from '../state/reading.ts'
import { to } from '../state/router.ts'
import { Hour } from '../statistics/hour.tsx'
import { Terminals } from '../terminal/terminals.tsx'
import { History } from './history.tsx'
import { Trail } from './trail.tsx'

/** One droplet, as it is now. */
export function Droplet({ parts: [name = '', view = ''] }: { parts: readonly string[] }) {
  if (!droplets.value) return <Loading what="the droplet" />
  const droplet = droplets.value.find(each => each.name === name)
  return (
    <section class="droplet">
      <p class="way">
        <a href={to('droplets')}>
          <Icon name="back" /> All droplets
        </a>
      </p>
      <header class="head">
        <h1>{name}</h1>
        {droplet && <Condition droplet={droplet} />}
        <span class="do">{droplet && isManager.value && <Actions droplet={droplet} />}</span>
      </header>
      {droplet && <Views name={name} view={view} />}
      {droplet ? (
        <View droplet={droplet} view={view} />
      ) : (
        <Empty title={`There is no droplet ${name}`}>
          <p class="soft">It was deleted, or never was. What was done to it is kept for 7 days.</p>
        </Empty>
      )}
      {(view === '' || !droplet) && isManager.value && <Operations name={name} />}
      {(view === '' || !droplet) && isOwner.value && <Trail name={name} />}
    </section>
  )
}

/** The ways to look at a droplet. */
function Views({ name, view }: { name: string; view: string }) {
  const views = [['', 'Overview'], ['logs', 'Logs'], ...(isManager.value ? [['terminal', 'Terminal']] : [])] as const
  return (
    <nav class="views" aria-label={`About ${name}`}>
      {views.map(([key = '', title]) => (
        <a
          key={key}
          class="button quiet small"
          href={key === '' ? to('droplet', name) : to('droplet', name, key)}
          aria-current={key === view ? 'page' : undefined}
        >
          {title}
        </a>
      ))}
    </nav>
  )
}

function View({ droplet, view }: { droplet: DropletBody; view: string }) {
  const { name, state } = droplet
  const runs = state === 'running'
  if (view === 'logs') return <Logs key={String(runs)} name={name} runs={runs} />
  if (view === 'terminal') {
    if (!isManager.value) return <Empty title="Terminals are for managers" />
    if (!runs) return <Empty title={`${name} does not run`}>Start it, and open a terminal then.</Empty>
    return <Terminals name={name} />
  }
  return (
    <>
      <Present droplet={droplet} />
      <Hour name={name} runs={runs} />
    </>
  )
}

function Present({ droplet }: { droplet: DropletBody }) {
  const { name, hostname, image, created_at, created_by, started_at, stopped_at, exit_code, ssh, id, status } = droplet
  const operation = openOperations.value.get(name)
  const links = webLinks(droplet, location.hostname)
  return (
    <>
      {operation && <Progress operation={operation} />}
      <dl class="facts sheet">
        <Fact title="State">{status}</Fact>
        <Fact title="Made">
          <Age since={created_at} ago />
          {created_by && (
            <>
              {' '}
              by <bdi>{created_by}</bdi>
            </>
          )}
        </Fact>
        {started_at && (
          <Fact title="Started">
            <Age since={started_at} ago />
          </Fact>
        )}
        {stopped_at && (
          <Fact title="Stopped">
            <Age since={stopped_at} ago />
            {exit_code ? `, with exit code ${exit_code}` : ''}
          </Fact>
        )}
        <Fact title="Host name">{hostname}</Fact>
        <Fact title="Image">{image}</Fact>
        <Fact title="Id">{id}</Fact>
        {links.length > 0 && (
          <Fact title="Web">
            {links.map(({ href }) => (
              <a key={href} href={href} target="_blank" rel="noopener noreferrer">
                {href}
              </a>
            ))}
          </Fact>
        )}
        {ssh && (
          <Fact title="SSH">
            <code>{ssh.command}</code> <Copy text={ssh.command} what={`the ssh command of ${name}`} label="Copy" />
          </Fact>
        )}
        {ssh?.fingerprint && (
          <Fact title="Its host key">
            <code>{ssh.fingerprint}</code>
          </Fact>
        )}
      </dl>
    </>
  )
}

function Fact({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{title}</dt>
      <dd>{children}</dd>
    </div>
  )
}

/** What was done to it: read once, and kept up by the events. */
function Operations({ name }: { name: string }) {
  const { value, read } = useMemo(
    () => createReading(() => ask<OperationBody[]>(`/operation/list?limit=20&droplet=${encodeURIComponent(name)}`)),
    [name],
  )
  useEffect(() => void read(), [read])
  const known = new Map(value.value?.map(operation => [operation.id, operation]))
  for (const operation of operations.value) if (operation.droplet === name) known.set(operation.id, operation)
  const ended = [...known.values()].filter(operation => !isOpen(operation))
  if (ended.length === 0) return null
  return <History operations={ended.sort((left, right) => right.created_at.localeCompare(left.created_at))} />
}
