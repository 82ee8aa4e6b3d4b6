import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { Dialog } from './dialog.tsx'

interface ConfirmDialogProps {
  title: string
  /** What is to be typed, so that nothing is lost by one click. */
  expectedText: string
  actionLabel: string
  onClose: () => void
  /** @returns whether it was begun */
  onConfirm: () => Promise<boolean>
  children: ComponentChildren
}

/** Asks for the name of what will be gone. */
export function ConfirmDialog({ title, expectedText, actionLabel, onClose, onConfirm, children }: ConfirmDialogProps) {
  const typed = useSignal('')
  const isSubmitting = useSignal(false)
  const submit = async () => {
    if (typed.peek() !== expectedText || isSubmitting.peek()) return
    isSubmitting.value = true
    if (await onConfirm()) onClose()
    isSubmitting.value = false
  }
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        onSubmit={event => {
          event.preventDefault()
          void submit()
        }}
      >
        <p>{children}</p>
        <label>
          <span>
            Type <strong>{expectedText}</strong> to go on
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
          <button type="button" class="quiet" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="danger" disabled={typed.value !== expectedText || isSubmitting.value}>
            {actionLabel}
          </button>
        </div>
      </form>
    </Dialog>
  )
}
