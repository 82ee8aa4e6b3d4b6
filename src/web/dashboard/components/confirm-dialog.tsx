import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { Dialog } from './dialog.tsx'
import { DialogForm } from './form.tsx'

interface ConfirmDialogProps {
  title: string
  /** The text to type, so that one stray click deletes nothing. */
  expectedText: string
  actionLabel: string
  onClose: () => void
  onConfirm: () => Promise<unknown>
  children: ComponentChildren
}

/** Confirms a destructive action by typing the name of its target. */
export function ConfirmDialog({ title, expectedText, actionLabel, onClose, onConfirm, children }: ConfirmDialogProps) {
  const typed = useSignal('')
  const confirm = async () => {
    await onConfirm()
    onClose()
  }
  return (
    <Dialog title={title} onClose={onClose}>
      <DialogForm
        action={confirm}
        submitLabel={actionLabel}
        canSubmit={typed.value === expectedText}
        isDangerous
        onCancel={onClose}
      >
        <p>{children}</p>
        <label>
          <span>
            Type <strong>{expectedText}</strong> to confirm
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
      </DialogForm>
    </Dialog>
  )
}
