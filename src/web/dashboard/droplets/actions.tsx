import { useSignal } from '@preact/signals'
import type { DropletBody } from '../../../droplets/model.ts'
import { Icon } from '../parts/icon.tsx'
import { type Change, change } from '../state/changes.ts'
import { openOperations } from '../state/matrix.ts'
import { telling } from '../state/notices.ts'
import { DeleteDialog } from './delete-dialog.tsx'

const words = { start: 'Start', stop: 'Stop', restart: 'Restart' } as const

/** What can be done to a droplet now. */
export function Actions({ droplet: { name, state } }: { droplet: DropletBody }) {
  const isDeleting = useSignal(false)
  const isBusy = openOperations.value.has(name)
  const runs = state === 'running' || state === 'paused' || state === 'restarting'
  const button = (kind: Exclude<Change, 'delete'>) => (
    <button
      type="button"
      class="quiet small"
      disabled={isBusy}
      aria-label={`${words[kind]} ${name}`}
      title={words[kind]}
      onClick={() => void telling(change(kind, name))}
    >
      <Icon name={kind} />
    </button>
  )
  return (
    <span class="buttons">
      {runs ? button('stop') : button('start')}
      {runs && button('restart')}
      <button
        type="button"
        class="quiet small"
        disabled={isBusy}
        aria-label={`Delete ${name}`}
        title="Delete"
        onClick={() => (isDeleting.value = true)}
      >
        <Icon name="delete" />
      </button>
      {isDeleting.value && <DeleteDialog name={name} close={() => (isDeleting.value = false)} />}
    </span>
  )
}
