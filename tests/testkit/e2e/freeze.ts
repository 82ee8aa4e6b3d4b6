import { readdirSync, readFileSync } from 'node:fs'
import { pollUntil } from '../../../scripts/lib/run.ts'

/** Stops a process where it is, all of its threads, until the scope ends. */
export async function freeze(pid: number): Promise<Disposable> {
  const thaw = { [Symbol.dispose]: () => void process.kill(pid, 'SIGCONT') }
  process.kill(pid, 'SIGSTOP')
  // The signal is sent then, and not yet heard by every thread.
  const isFrozen = () => readdirSync(`/proc/${pid}/task`).every(thread => threadState(pid, thread) === 'T')
  if (await pollUntil(5_000, isFrozen)) return thaw
  thaw[Symbol.dispose]()
  throw new Error(`process ${pid} does not stop`)
}

/** The letter after the name (proc(5), stat), which may hold parentheses itself. */
function threadState(pid: number, thread: string): string | undefined {
  return /.*\) (\S)/s.exec(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8'))?.[1]
}
