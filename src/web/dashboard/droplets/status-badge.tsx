import type { DropletBody } from '../../../droplets/schema.ts'
import { displayStatus } from './view-model.ts'

export function StatusBadge({ droplet }: { droplet: DropletBody }) {
  const { text, kind } = displayStatus(droplet)
  return (
    <span class={`badge ${kind}`} title={droplet.status}>
      <span class="dot" aria-hidden="true" />
      {text}
    </span>
  )
}
