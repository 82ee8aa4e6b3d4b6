import { Icon } from '../components/icon.tsx'
import { dismissToast, toasts } from '../state/toasts.ts'

export function Toasts() {
  return (
    <ul class="toasts" aria-label="Notifications" aria-live="polite">
      {toasts.value.map(({ id, text, kind }) => (
        <li key={id} class={kind}>
          <span>{text}</span>
          <button type="button" class="plain" aria-label="Dismiss notification" onClick={() => dismissToast(id)}>
            <Icon name="close" />
          </button>
        </li>
      ))}
    </ul>
  )
}
