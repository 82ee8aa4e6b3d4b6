import { Icon } from '../components/icon.tsx'
import { startOperation } from '../state/operations.ts'
import { unfinishedOperations } from '../state/store.ts'
import { withErrorToast } from '../state/toasts.ts'
import { selectedDroplets, setSelected } from './list-state.ts'

/** Actions for the selected droplets; those with an unfinished operation are skipped. */
export function BulkActions() {
  const selection = selectedDroplets.value
  if (selection.length === 0) return null
  const idle = selection.filter(({ name }) => !unfinishedOperations.value.has(name))
  const stopped = idle.filter(({ state }) => state === 'exited' || state === 'created')
  const running = idle.filter(({ state }) => state === 'running')
  const startForEach = (kind: 'start' | 'stop', targets: typeof selection) => {
    for (const { name } of targets) void withErrorToast(startOperation(kind, name))
  }
  return (
    <section class="bulk-actions" aria-label="Selected droplets">
      <span>{selection.length} selected</span>
      <button
        type="button"
        class="secondary small"
        disabled={stopped.length === 0}
        onClick={() => startForEach('start', stopped)}
      >
        <Icon name="start" /> Start {stopped.length}
      </button>
      <button
        type="button"
        class="secondary small"
        disabled={running.length === 0}
        onClick={() => startForEach('stop', running)}
      >
        <Icon name="stop" /> Stop {running.length}
      </button>
      <button
        type="button"
        class="secondary small"
        onClick={() =>
          setSelected(
            selection.map(({ name }) => name),
            false,
          )
        }
      >
        Clear selection
      </button>
    </section>
  )
}
