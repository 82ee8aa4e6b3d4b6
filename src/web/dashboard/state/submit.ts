import { type ReadonlySignal, useSignal } from '@preact/signals'
import { errorMessage } from '../../../core/error-message.ts'

export interface Submission {
  isSubmitting: ReadonlySignal<boolean>
  /** Why the last submission failed; empty if it did not. */
  errorText: ReadonlySignal<string>
  /** Ignored while a submission is running. */
  submit: () => Promise<void>
}

/** The state of a form: whether it is being submitted, and the error of the last attempt. */
export function useSubmit(action: () => Promise<unknown>, initialError = ''): Submission {
  const isSubmitting = useSignal(false)
  const errorText = useSignal(initialError)
  const submit = async () => {
    if (isSubmitting.peek()) return
    isSubmitting.value = true
    errorText.value = ''
    try {
      await action()
    } catch (error) {
      errorText.value = errorMessage(error)
    } finally {
      isSubmitting.value = false
    }
  }
  return { isSubmitting, errorText, submit }
}
