import { Icon } from '../components/icon.tsx'
import { dismissToast, toasts } from '../state/toasts.ts'

/** What became of what the person began. */
export function Toasts() {
  return (
    <ul class="notices" aria-label="Notices" aria-live="polite">
      {toasts.value.map(({ id, text, kind }) => (
        <li key={id} class={kind}>
          <span>{text}</span>
          <button type="button" class="bare" aria-label="Put this notice away" onClick={() => dismissToast(id)}>
            <Icon name="close" />
          </button>
        </li>
      ))}
    </ul>
  )
}
