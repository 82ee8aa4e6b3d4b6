import type { DropletBody } from '../../../droplets/model.ts'

export type Column = 'name' | 'state' | 'age'
export interface Order {
  by: Column
  descending: boolean
}

/** What a person calls the state of a droplet, and how good that is. */
export function condition({ state, health, exit_code }: Pick<DropletBody, 'state' | 'health' | 'exit_code'>): {
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
  const words = {
    created: 'Never started',
    paused: 'Paused',
    restarting: 'Restarting',
    removing: 'Going',
    dead: 'Dead',
  }
  return { text: words[state], kind: state === 'dead' ? 'bad' : 'warn' }
}

/** Those of which each word of the text is somewhere in what is shown of them. */
export function narrowed(droplets: readonly DropletBody[], text: string): DropletBody[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  return droplets.filter(droplet => {
    const { name, hostname, image, state, created_by } = droplet
    const shown = `${name} ${hostname} ${image} ${state} ${condition(droplet).text} ${created_by ?? ''}`
    return words.every(word => shown.toLowerCase().includes(word))
  })
}

export function ordered(droplets: readonly DropletBody[], { by, descending }: Order): DropletBody[] {
  const sign = descending ? -1 : 1
  return [...droplets].sort((left, right) => sign * comparisons[by](left, right) || left.number - right.number)
}

const comparisons: Record<Column, (left: DropletBody, right: DropletBody) => number> = {
  name: (left, right) => left.number - right.number,
  state: (left, right) => condition(left).text.localeCompare(condition(right).text),
  // The youngest first.
  age: (left, right) => right.created_at.localeCompare(left.created_at),
}

/** Where a browser finds what listens in the droplet, by the name that ssh uses, too. */
export function webLinks(
  { ports, ssh }: Pick<DropletBody, 'ports' | 'ssh'>,
  host: string,
): { href: string; port: number }[] {
  const reached = ssh?.command.split('@')[1] ?? host
  return (['80', '443'] as const).flatMap(inside => {
    const port = ports[inside]?.from.port
    return port === undefined ? [] : [{ href: `${inside === '443' ? 'https' : 'http'}://${reached}:${port}/`, port }]
  })
}
