import { useSignal } from '@preact/signals'
import type { DropletBody } from '../../../droplets/schema.ts'
import { Icon } from '../components/icon.tsx'
import { type DropletAction, startOperation } from '../state/operations.ts'
import { unfinishedOperations } from '../state/store.ts'
import { withErrorToast } from '../state/toasts.ts'
import { DeleteDropletDialog } from './delete-droplet-dialog.tsx'

const labels = { start: 'Start', stop: 'Stop', restart: 'Restart' } as const

export function DropletActions({ droplet: { name, state } }: { droplet: DropletBody }) {
  const isDeleting = useSignal(false)
  const isBusy = unfinishedOperations.value.has(name)
  const isActive = state === 'running' || state === 'paused' || state === 'restarting'
  const renderButton = (action: Exclude<DropletAction, 'delete'>) => (
    <button
      type="button"
      class="secondary small"
      disabled={isBusy}
      aria-label={`${labels[action]} ${name}`}
      title={labels[action]}
      onClick={() => void withErrorToast(startOperation(action, name))}
    >
      <Icon name={action} />
    </button>
  )
  return (
    <span class="buttons">
      {isActive ? renderButton('stop') : renderButton('start')}
      {isActive && renderButton('restart')}
      <button
        type="button"
        class="secondary small"
        disabled={isBusy}
        aria-label={`Delete ${name}`}
        title="Delete"
        onClick={() => (isDeleting.value = true)}
      >
        <Icon name="delete" />
      </button>
      {isDeleting.value && <DeleteDropletDialog name={name} onClose={() => (isDeleting.value = false)} />}
    </span>
  )
}
