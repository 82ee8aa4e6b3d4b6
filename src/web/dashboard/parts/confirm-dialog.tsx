import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { Dialog } from './dialog.tsx'

interface Confirmation {
  title: string
  /** What is to be typed, so that nothing is lost by one click. */
  name: string
  action: string
  close: () => void
  /** @returns whether it was begun */
  run: () => Promise<boolean>
  children: ComponentChildren
}

/** Asks for the name of what will be gone. */
export function ConfirmDialog({ title, name, action, close, run, children }: Confirmation) {
  const typed = useSignal('')
  const isAsking = useSignal(false)
  const submit = async () => {
    if (typed.peek() !== name || isAsking.peek()) return
    isAsking.value = true
    if (await run()) close()
    isAsking.value = false
  }
  return (
    <Dialog title={title} close={close}>
      <form
        onSubmit={event => {
          event.preventDefault()
          void submit()
        }}
      >
        <p>{children}</p>
        <label>
          <span>
            Type <strong>{name}</strong> to go on
          </span>
          <input
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
            autofocus
            value={typed}
            onInput={event => (typed.value = event.currentTarget.value)}
          />
        </label>
        <div class="actions">
          <button type="button" class="quiet" onClick={close}>
            Cancel
          </button>
          <button type="submit" class="danger" disabled={typed.value !== name || isAsking.value}>
            {action}
          </button>
        </div>
      </form>
    </Dialog>
  )
}
