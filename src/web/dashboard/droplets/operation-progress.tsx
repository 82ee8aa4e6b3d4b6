import type { OperationBody } from '../../../droplets/operations/schema.ts'
import { cancelOperation } from '../state/operations.ts'
import { withErrorToast } from '../state/toasts.ts'

/** How far an operation is: the steps that it has done, and the one that it is at. */
export function OperationProgress({ operation }: { operation: OperationBody }) {
  const { id, kind, droplet, user, state, steps, progress, cancellable } = operation
  const { done = null, total = null } = progress ?? {}
  return (
    <div class="progress">
      <p>
        <strong>{titles[kind]}</strong>
        {droplet && kind === 'add' ? ` ${droplet}` : ''} <span class="soft">by {user}</span>
      </p>
      <ol>
        {state === 'queued' && <li>waiting for its turn</li>}
        {steps.map(({ name, ended_at }) => (
          <li key={name} class={ended_at ? 'done' : 'present'} aria-current={ended_at ? undefined : 'step'}>
            {name}
          </li>
        ))}
      </ol>
      {progress && <span class="soft text">{progress.text}</span>}
      {done !== null && total !== null && (
        <progress max={total} value={done} aria-label={progress?.text ?? 'Progress'} />
      )}
      {cancellable && (
        <button type="button" class="quiet small" onClick={() => void withErrorToast(cancelOperation(id))}>
          Cancel
        </button>
      )}
    </div>
  )
}

const titles = {
  add: 'Adding',
  start: 'Starting',
  stop: 'Stopping',
  restart: 'Restarting',
  delete: 'Deleting',
} as const
