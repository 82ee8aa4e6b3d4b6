import './droplet.css'
import type { DropletBody } from '../../../droplets/schema.ts'
import { isManager, isOwner } from '../api/session.ts'
import { Icon } from '../components/icon.tsx'
import { EmptyState, Loading } from '../components/placeholders.tsx'
import { DropletActions } from '../droplets/droplet-actions.tsx'
import { StatusBadge } from '../droplets/status-badge.tsx'
import { Logs } from '../logs/logs.tsx'
import { hrefTo } from '../state/router.ts'
import { droplets } from '../state/store.ts'
import { LastHour } from '../stats/last-hour.tsx'
import { Terminals } from '../terminal/terminals.tsx'
import { Activity } from './activity.tsx'
import { AuditTrail } from './audit-trail.tsx'
import { Overview } from './overview.tsx'

/** @param segments the droplet's name and the view: none for the overview, `logs` or `terminal` */
export function DropletPage({ segments: [name = '', view = ''] }: { segments: readonly string[] }) {
  if (!droplets.value) return <Loading label="droplet" />
  const droplet = droplets.value.find(candidate => candidate.name === name)
  const hasHistory = view === '' || !droplet
  return (
    <section class="droplet">
      <p class="breadcrumb">
        <a href={hrefTo('droplets')}>
          <Icon name="back" /> All droplets
        </a>
      </p>
      <header class="page-header">
        <h1>{name}</h1>
        {droplet && <StatusBadge droplet={droplet} />}
        <span class="row-actions">{droplet && isManager.value && <DropletActions droplet={droplet} />}</span>
      </header>
      {droplet && <ViewNav name={name} view={view} />}
      {droplet ? (
        <CurrentView droplet={droplet} view={view} />
      ) : (
        <EmptyState title={`Droplet ${name} not found`}>
          <p class="muted">It was deleted or never existed. Activity is kept for 7 days.</p>
        </EmptyState>
      )}
      {hasHistory && isManager.value && <Activity name={name} />}
      {hasHistory && isOwner.value && <AuditTrail name={name} />}
    </section>
  )
}

function ViewNav({ name, view }: { name: string; view: string }) {
  const views = [['', 'Overview'], ['logs', 'Logs'], ...(isManager.value ? [['terminal', 'Terminal']] : [])] as const
  return (
    <nav class="views" aria-label={`Views of ${name}`}>
      {views.map(([key = '', title]) => (
        <a
          key={key}
          class="button secondary small"
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
    if (!isManager.value) return <EmptyState title="Terminals need the manager role" />
    if (!isRunning) return <EmptyState title={`${name} is not running`}>Start it to open a terminal.</EmptyState>
    return <Terminals name={name} />
  }
  return (
    <>
      <Overview droplet={droplet} />
      <LastHour name={name} isRunning={isRunning} />
    </>
  )
}
