import type { DropletBody } from '../../../droplets/schema.ts'

export type SortColumn = 'name' | 'state' | 'age'
export interface SortOrder {
  by: SortColumn
  descending: boolean
}

export function displayStatus({ state, health, exit_code }: Pick<DropletBody, 'state' | 'health' | 'exit_code'>): {
  text: string
  kind: 'good' | 'warn' | 'bad' | 'off'
} {
  if (state === 'running') {
    if (health === 'ready') return { text: 'Ready', kind: 'good' }
    if (health === 'booting') return { text: 'Booting', kind: 'warn' }
    if (health === 'degraded') return { text: 'Degraded', kind: 'bad' }
    return { text: 'Running', kind: 'good' }
  }
  if (state === 'exited') return { text: exit_code ? `Stopped (${exit_code})` : 'Stopped', kind: 'off' }
  const labels = {
    created: 'Never started',
    paused: 'Paused',
    restarting: 'Restarting',
    removing: 'Removing',
    dead: 'Dead',
  }
  return { text: labels[state], kind: state === 'dead' ? 'bad' : 'warn' }
}

/** @returns droplets that contain every word of the text, in any field and case */
export function filterDroplets(droplets: readonly DropletBody[], text: string): DropletBody[] {
  const terms = text.toLowerCase().split(/\s+/).filter(Boolean)
  return droplets.filter(droplet => {
    const { name, hostname, image, state, created_by } = droplet
    const searchableText = `${name} ${hostname} ${image} ${state} ${displayStatus(droplet).text} ${created_by ?? ''}`
    return terms.every(term => searchableText.toLowerCase().includes(term))
  })
}

export function sortDroplets(droplets: readonly DropletBody[], { by, descending }: SortOrder): DropletBody[] {
  const sign = descending ? -1 : 1
  return [...droplets].sort((left, right) => sign * comparators[by](left, right) || left.number - right.number)
}

const comparators: Record<SortColumn, (left: DropletBody, right: DropletBody) => number> = {
  name: (left, right) => left.number - right.number,
  state: (left, right) => displayStatus(left).text.localeCompare(displayStatus(right).text),
  // Ascending age: the newest first.
  age: (left, right) => right.created_at.localeCompare(left.created_at),
}

/** Links to the published ports 80 and 443, on the host of the SSH command if there is one. */
export function webLinks(
  { ports, ssh }: Pick<DropletBody, 'ports' | 'ssh'>,
  fallbackHost: string,
): { href: string; port: number }[] {
  const publicHost = ssh?.command.split('@')[1] ?? fallbackHost
  return (['80', '443'] as const).flatMap(containerPort => {
    const port = ports[containerPort]?.from.port
    return port === undefined
      ? []
      : [{ href: `${containerPort === '443' ? 'https' : 'http'}://${publicHost}:${port}/`, port }]
  })
}
