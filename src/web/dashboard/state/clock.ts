import { signal } from '@preact/signals'

const TICK_MS = 5_000

/** Milliseconds since 1970, told anew every few seconds: whatever shows an age follows it. */
export const clock = signal(Date.now())

setInterval(() => {
  if (document.visibilityState === 'visible') clock.value = Date.now()
}, TICK_MS)
