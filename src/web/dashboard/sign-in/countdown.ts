import { signal } from '@preact/signals'

/** Counts down to zero; `remaining` is text such as `1 min 5 s`, and empty at the end. */
export function createCountdown() {
  const remaining = signal('')
  let timer: ReturnType<typeof setInterval> | undefined
  const stop = () => clearInterval(timer)
  return {
    remaining,
    start(seconds: number): void {
      const deadline = Date.now() + seconds * 1000
      const tick = () => {
        remaining.value = formatRemaining(Math.ceil((deadline - Date.now()) / 1000))
        if (remaining.value === '') stop()
      }
      stop()
      timer = setInterval(tick, 250)
      tick()
    },
    stop,
  }
}

/** @param seconds an integer */
function formatRemaining(seconds: number): string {
  if (seconds <= 0) return ''
  const minutes = Math.floor(seconds / 60)
  return [minutes > 0 && `${minutes} min`, seconds % 60 > 0 && `${seconds % 60} s`].filter(Boolean).join(' ')
}
