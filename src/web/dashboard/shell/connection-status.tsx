import { connectionState, engineState } from '../state/store.ts'

/** Whether the data on the page is live. */
export function ConnectionStatus() {
  const [kind, text] = currentStatus()
  return (
    <p class={`connection-status ${kind}`} role="status">
      <span class="dot" aria-hidden="true" />
      {text}
    </p>
  )
}

function currentStatus(): [kind: 'good' | 'warn' | 'bad', text: string] {
  if (connectionState.value === 'lost') return ['bad', 'Offline, reconnecting…']
  if (connectionState.value === 'connecting') return ['warn', 'Connecting…']
  if (engineState.value === 'unreachable') return ['bad', 'Engine unreachable']
  return ['good', 'Live']
}
