import type { DropletBody } from '../../../droplets/model.ts'
import { displayStatus } from './view.ts'

/** How a droplet is, in a word and a colour. */
export function StatusBadge({ droplet }: { droplet: DropletBody }) {
  const { text, kind } = displayStatus(droplet)
  return (
    <span class={`badge ${kind}`} title={droplet.status}>
      <span class="dot" aria-hidden="true" />
      {text}
    </span>
  )
}
