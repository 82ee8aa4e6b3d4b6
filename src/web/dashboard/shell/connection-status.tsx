import { connectionState, engineState } from '../state/store.ts'

/** How far what is shown can be relied upon. */
export function ConnectionStatus() {
  const [kind, text] = currentStatus()
  return (
    <p class={`state ${kind}`} role="status">
      <span class="dot" aria-hidden="true" />
      {text}
    </p>
  )
}

function currentStatus(): [kind: 'good' | 'warn' | 'bad', text: string] {
  if (connectionState.value === 'lost') return ['bad', 'Offline: trying again']
  if (connectionState.value === 'connecting') return ['warn', 'Connecting']
  if (engineState.value === 'away') return ['bad', 'Engine away']
  return ['good', 'Live']
}
