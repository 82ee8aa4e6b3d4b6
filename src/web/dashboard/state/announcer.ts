import { signal } from '@preact/signals'

/** The latest message for screen readers. */
export const announcement = signal('')

/** Announces a sentence to screen readers, without interrupting them. */
export function announce(message: string): void {
  // A repeated message is only announced again if its text differs.
  announcement.value = announcement.value === message ? `${message} ` : message
}
