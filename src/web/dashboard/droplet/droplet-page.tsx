import './droplet.css'
import type { ComponentChildren } from 'preact'
import { useEffect, useMemo } from 'preact/hooks'
import type { OperationBody } from '../../../droplets/operations/schema.ts'
import type { DropletBody } from '../../../droplets/schema.ts'
import { requestJson } from '../api/client.ts'
import { isManager, isOwner } from '../api/session.ts'
import { Age } from '../components/age.tsx'
import { CopyButton } from '../components/copy-button.tsx'
import { Icon } from '../components/icon.tsx'
import { EmptyState, Loading } from '../components/placeholders.tsx'
import { DropletActions } from '../droplets/droplet-actions.tsx'
import { OperationProgress } from '../droplets/operation-progress.tsx'
import { StatusBadge } from '../droplets/status-badge.tsx'
import { webLinks } from '../droplets/view-model.ts'
import { Logs } from '../logs/logs.tsx'
import { createResource } from '../state/resource.ts'
import { hrefTo } from '../state/router.ts'
import { droplets, isUnfinished, operations, unfinishedOperations } from '../state/store.ts'
import { LastHour } from '../stats/last-hour.tsx'
import { Terminals } from '../terminal/terminals.tsx'
import { ActivityList } from './activity-list.tsx'
import { AuditTrail } from './audit-trail.tsx'

/** One droplet, as it is now. */
export function DropletPage({ segments: [name = '', view = ''] }: { segments: readonly string[] }) {
  if (!droplets.value) return <Loading label="the droplet" />
  const droplet = droplets.value.find(candidate => candidate.name === name)
  return (
    <section class="droplet">
      <p class="way">
        <a href={hrefTo('droplets')}>
          <Icon name="back" /> All droplets
        </a>
      </p>
      <header class="head">
        <h1>{name}</h1>
        {droplet && <StatusBadge droplet={droplet} />}
        <span class="do">{droplet && isManager.value && <DropletActions droplet={droplet} />}</span>
      </header>
      {droplet && <ViewNav name={name} view={view} />}
      {droplet ? (
        <CurrentView droplet={droplet} view={view} />
      ) : (
        <EmptyState title={`There is no droplet ${name}`}>
          <p class="soft">It was deleted, or never was. What was done to it is kept for 7 days.</p>
        </EmptyState>
      )}
      {(view === '' || !droplet) && isManager.value && <Activity name={name} />}
      {(view === '' || !droplet) && isOwner.value && <AuditTrail name={name} />}
    </section>
  )
}

/** The ways to look at a droplet. */
function ViewNav({ name, view }: { name: string; view: string }) {
  const views = [['', 'Overview'], ['logs', 'Logs'], ...(isManager.value ? [['terminal', 'Terminal']] : [])] as const
  return (
    <nav class="views" aria-label={`About ${name}`}>
      {views.map(([key = '', title]) => (
        <a
          key={key}
          class="button quiet small"
          href={key === '' ? hrefTo('droplet', name) : hrefTo('droplet', name, key)}
          aria-current={key === view ? 'page' : undefined}
        >
          {title}
        </a>
      ))}
    </nav>
  )
}

function CurrentView({ droplet, view }: { droplet: DropletBody; view: string }) {
  const { name, state } = droplet
  const isRunning = state === 'running'
  if (view === 'logs') return <Logs key={String(isRunning)} name={name} isRunning={isRunning} />
  if (view === 'terminal') {
    if (!isManager.value) return <EmptyState title="Terminals are for managers" />
    if (!isRunning) return <EmptyState title={`${name} does not run`}>Start it, and open a terminal then.</EmptyState>
    return <Terminals name={name} />
  }
  return (
    <>
      <Overview droplet={droplet} />
      <LastHour name={name} isRunning={isRunning} />
    </>
  )
}

function Overview({ droplet }: { droplet: DropletBody }) {
  const { name, hostname, image, created_at, created_by, started_at, stopped_at, exit_code, ssh, id, status } = droplet
  const operation = unfinishedOperations.value.get(name)
  const links = webLinks(droplet, location.hostname)
  return (
    <>
      {operation && <OperationProgress operation={operation} />}
      <dl class="facts sheet">
        <Detail title="State">{status}</Detail>
        <Detail title="Made">
          <Age since={created_at} withSuffix />
          {created_by && (
            <>
              {' '}
              by <bdi>{created_by}</bdi>
            </>
          )}
        </Detail>
        {started_at && (
          <Detail title="Started">
            <Age since={started_at} withSuffix />
          </Detail>
        )}
        {stopped_at && (
          <Detail title="Stopped">
            <Age since={stopped_at} withSuffix />
            {exit_code ? `, with exit code ${exit_code}` : ''}
          </Detail>
        )}
        <Detail title="Host name">{hostname}</Detail>
        <Detail title="Image">{image}</Detail>
        <Detail title="Id">{id}</Detail>
        {links.length > 0 && (
          <Detail title="Web">
            {links.map(({ href }) => (
              <a key={href} href={href} target="_blank" rel="noopener noreferrer">
                {href}
              </a>
            ))}
          </Detail>
        )}
        {ssh && (
          <Detail title="SSH">
            <code>{ssh.command}</code>{' '}
            <CopyButton text={ssh.command} description={`the ssh command of ${name}`} label="Copy" />
          </Detail>
        )}
        {ssh?.fingerprint && (
          <Detail title="Its host key">
            <code>{ssh.fingerprint}</code>
          </Detail>
        )}
      </dl>
    </>
  )
}

function Detail({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{title}</dt>
      <dd>{children}</dd>
    </div>
  )
}

/** What was done to it: read once, and kept up by the events. */
function Activity({ name }: { name: string }) {
  const { data, load } = useMemo(
    () =>
      createResource(() =>
        requestJson<OperationBody[]>(`/operation/list?limit=20&droplet=${encodeURIComponent(name)}`),
      ),
    [name],
  )
  useEffect(() => void load(), [load])
  const operationsById = new Map(data.value?.map(operation => [operation.id, operation]))
  for (const operation of operations.value) if (operation.droplet === name) operationsById.set(operation.id, operation)
  const finished = [...operationsById.values()].filter(operation => !isUnfinished(operation))
  if (finished.length === 0) return null
  return <ActivityList operations={finished.sort((left, right) => right.created_at.localeCompare(left.created_at))} />
}
