import type { OperationBody } from '../../../droplets/operations/schema.ts'
import { cancelOperation } from '../state/operations.ts'
import { withErrorToast } from '../state/toasts.ts'

/** The completed steps of an operation, and the current one. */
export function OperationProgress({ operation }: { operation: OperationBody }) {
  const { id, kind, droplet, user, state, steps, progress, cancellable } = operation
  const { done = null, total = null } = progress ?? {}
  return (
    <div class="progress">
      <p>
        <strong>{titles[kind]}</strong>
        {droplet && kind === 'add' ? ` ${droplet}` : ''} <span class="muted">by {user}</span>
      </p>
      <ol>
        {state === 'queued' && <li>queued</li>}
        {steps.map(({ name, ended_at }) => (
          <li key={name} class={ended_at ? 'done' : 'current'} aria-current={ended_at ? undefined : 'step'}>
            {name}
          </li>
        ))}
      </ol>
      {progress && <span class="muted text">{progress.text}</span>}
      {done !== null && total !== null && (
        <progress max={total} value={done} aria-label={progress?.text ?? 'Progress'} />
      )}
      {cancellable && (
        <button type="button" class="secondary small" onClick={() => void withErrorToast(cancelOperation(id))}>
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
