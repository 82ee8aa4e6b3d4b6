import { signal } from '@preact/signals'

const TICK_MS = 5_000

/** The current time in milliseconds since 1970, updated every few seconds while the tab is visible. */
export const clock = signal(Date.now())

setInterval(() => {
  if (document.visibilityState === 'visible') clock.value = Date.now()
}, TICK_MS)
