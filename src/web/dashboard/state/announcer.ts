import { signal } from '@preact/signals'

/** The last words for those who do not see what changes. */
export const announcement = signal('')

/** @param message a sentence; it is read to the person when there is time for it */
export function announce(message: string): void {
  // The same words a second time are news, too: a space makes them others.
  announcement.value = announcement.value === message ? `${message} ` : message
}
