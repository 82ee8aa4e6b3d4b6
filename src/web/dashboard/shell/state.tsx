import { engine, link } from '../state/matrix.ts'

/** How far what is shown can be relied upon. */
export function State() {
  const [kind, text] = stateNow()
  return (
    <p class={`state ${kind}`} role="status">
      <span class="dot" aria-hidden="true" />
      {text}
    </p>
  )
}

function stateNow(): [kind: 'good' | 'warn' | 'bad', text: string] {
  if (link.value === 'lost') return ['bad', 'Offline: trying again']
  if (link.value === 'connecting') return ['warn', 'Connecting']
  if (engine.value === 'away') return ['bad', 'Engine away']
  return ['good', 'Live']
}
