import type { DropletBody } from '../../../droplets/schema.ts'

export type SortColumn = 'name' | 'state' | 'age'
export interface SortOrder {
  by: SortColumn
  descending: boolean
}

/** What a person calls the state of a droplet, and how good that is. */
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
    removing: 'Going',
    dead: 'Dead',
  }
  return { text: labels[state], kind: state === 'dead' ? 'bad' : 'warn' }
}

/** Those of which each word of the text is somewhere in what is shown of them. */
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
  // The youngest first.
  age: (left, right) => right.created_at.localeCompare(left.created_at),
}

/** Where a browser finds what listens in the droplet, by the name that ssh uses, too. */
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
