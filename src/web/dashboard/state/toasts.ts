import { signal } from '@preact/signals'
import { errorMessage } from '../../../core/error-message.ts'

export interface Toast {
  id: number
  text: string
  kind: 'good' | 'bad'
}

const DISPLAY_MS = 6_000
const MAX_TOASTS = 4

/** Oldest first. Errors stay until they are dismissed. */
export const toasts = signal<readonly Toast[]>([])
let lastId = 0

export function showToast(text: string, kind: Toast['kind'] = 'good'): void {
  lastId += 1
  const id = lastId
  toasts.value = [...toasts.value, { id, text, kind }].slice(-MAX_TOASTS)
  if (kind === 'good') setTimeout(() => dismissToast(id), DISPLAY_MS)
}

export function dismissToast(id: number): void {
  toasts.value = toasts.value.filter(toast => toast.id !== id)
}

/**
 * Shows the error in a toast if the task fails.
 * @returns whether the task succeeded
 */
export async function withErrorToast(task: Promise<unknown>): Promise<boolean> {
  try {
    await task
    return true
  } catch (error) {
    showToast(errorMessage(error), 'bad')
    return false
  }
}
