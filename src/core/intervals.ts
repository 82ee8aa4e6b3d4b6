/** Work that repeats from `start` to `stop`, without keeping the process alive. */
export function createIntervals(...tasks: { run: () => void; everyMs: number }[]) {
  let timers: ReturnType<typeof setInterval>[] = []

  return {
    start(): void {
      if (timers.length > 0) return
      timers = tasks.map(({ run, everyMs }) => setInterval(run, everyMs))
      for (const timer of timers) timer.unref()
    },

    stop(): void {
      timers.forEach(clearInterval)
      timers = []
    },
  }
}
