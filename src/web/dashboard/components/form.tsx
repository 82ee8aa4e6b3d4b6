import type { ComponentChildren } from 'preact'
import { type Submission, useSubmit } from '../state/submit.ts'

/** A form with its error message, which calls the server instead of navigating. */
export function Form({
  submission: { submit, errorText },
  children,
  actions,
}: {
  submission: Submission
  children: ComponentChildren
  /** The buttons, shown below the error. */
  actions: ComponentChildren
}) {
  return (
    <form
      onSubmit={event => {
        event.preventDefault()
        void submit()
      }}
    >
      {children}
      {errorText.value && (
        <p class="alert" role="alert">
          {errorText}
        </p>
      )}
      {actions}
    </form>
  )
}

/** A form inside a dialog, with a cancel button. */
export function DialogForm({
  action,
  submitLabel,
  canSubmit = true,
  isDangerous = false,
  onCancel,
  children,
}: {
  /** Rejections are shown in the form. */
  action: () => Promise<unknown>
  submitLabel: string
  canSubmit?: boolean
  isDangerous?: boolean
  onCancel: () => void
  children: ComponentChildren
}) {
  const submission = useSubmit(async () => {
    if (canSubmit) await action()
  })
  return (
    <Form
      submission={submission}
      actions={
        <div class="dialog-actions">
          <button type="button" class="secondary" onClick={onCancel}>
            Cancel
          </button>
          <button
            type="submit"
            class={isDangerous ? 'danger' : undefined}
            disabled={!canSubmit || submission.isSubmitting.value}
          >
            {submitLabel}
          </button>
        </div>
      }
    >
      {children}
    </Form>
  )
}
