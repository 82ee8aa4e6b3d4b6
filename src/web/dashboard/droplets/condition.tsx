import type { DropletBody } from '../../../droplets/model.ts'
import { condition } from './view.ts'

/** How a droplet is, in a word and a colour. */
export function Condition({ droplet }: { droplet: DropletBody }) {
  const { text, kind } = condition(droplet)
  return (
    <span class={`badge ${kind}`} title={droplet.status}>
      <span class="dot" aria-hidden="true" />
      {text}
    </span>
  )
}
