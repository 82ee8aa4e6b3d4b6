import { Icon } from '../parts/icon.tsx'
import { change } from '../state/changes.ts'
import { openOperations } from '../state/matrix.ts'
import { telling } from '../state/notices.ts'
import { select, selected } from './state.ts'

/** What is done to all droplets that are picked. */
export function Bulk() {
  const picked = selected.value
  if (picked.length === 0) return null
  const idle = picked.filter(({ name }) => !openOperations.value.has(name))
  const stopped = idle.filter(({ state }) => state === 'exited' || state === 'created')
  const running = idle.filter(({ state }) => state === 'running')
  const run = (kind: 'start' | 'stop', of: typeof picked) => {
    for (const { name } of of) void telling(change(kind, name))
  }
  return (
    <section class="bulk" aria-label="What is picked">
      <span>{picked.length} picked</span>
      <button type="button" class="quiet small" disabled={stopped.length === 0} onClick={() => run('start', stopped)}>
        <Icon name="start" /> Start {stopped.length}
      </button>
      <button type="button" class="quiet small" disabled={running.length === 0} onClick={() => run('stop', running)}>
        <Icon name="stop" /> Stop {running.length}
      </button>
      <button
        type="button"
        class="quiet small"
        onClick={() =>
          select(
            picked.map(({ name }) => name),
            false,
          )
        }
      >
        Pick none
      </button>
    </section>
  )
}
