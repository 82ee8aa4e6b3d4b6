import { Icon } from '../parts/icon.tsx'
import { notices, putAway } from '../state/notices.ts'

/** What became of what the person began. */
export function Notices() {
  return (
    <ul class="notices" aria-label="Notices" aria-live="polite">
      {notices.value.map(({ id, text, kind }) => (
        <li key={id} class={kind}>
          <span>{text}</span>
          <button type="button" class="bare" aria-label="Put this notice away" onClick={() => putAway(id)}>
            <Icon name="close" />
          </button>
        </li>
      ))}
    </ul>
  )
}
