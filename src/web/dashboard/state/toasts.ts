import { signal } from '@preact/signals'
import { errorMessage } from '../../../core/error-message.ts'

export interface Toast {
  id: number
  text: string
  kind: 'good' | 'bad'
}

const DISPLAY_MS = 6_000

/** What the person is told at the edge of the page, oldest first. Of what went wrong it is told until it is put away. */
export const toasts = signal<readonly Toast[]>([])
let lastId = 0

export function showToast(text: string, kind: Toast['kind'] = 'good'): void {
  lastId += 1
  const id = lastId
  toasts.value = [...toasts.value, { id, text, kind }].slice(-4)
  if (kind === 'good') setTimeout(() => dismissToast(id), DISPLAY_MS)
}

export function dismissToast(id: number): void {
  toasts.value = toasts.value.filter(toast => toast.id !== id)
}

/** Tells what goes wrong with a piece of work that a person began. */
export async function withErrorToast(task: Promise<unknown>): Promise<boolean> {
  try {
    await task
    return true
  } catch (error) {
    showToast(errorMessage(error), 'bad')
    return false
  }
}
