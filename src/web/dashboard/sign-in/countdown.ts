import { signal } from '@preact/signals'

/** Counts seconds down, in words: `1 min 5 s`; empty when it is over. */
export function createCountdown() {
  const left = signal('')
  let timer: ReturnType<typeof setInterval> | undefined
  const stop = () => clearInterval(timer)
  return {
    left,
    begin(seconds: number): void {
      const until = Date.now() + seconds * 1000
      const tick = () => {
        left.value = inWords(Math.ceil((until - Date.now()) / 1000))
        if (left.value === '') stop()
      }
      stop()
      timer = setInterval(tick, 250)
      tick()
    },
    stop,
  }
}

/** @param seconds whole ones */
export function inWords(seconds: number): string {
  if (seconds <= 0) return ''
  const minutes = Math.floor(seconds / 60)
  return [minutes > 0 && `${minutes} min`, seconds % 60 > 0 && `${seconds % 60} s`].filter(Boolean).join(' ')
}
