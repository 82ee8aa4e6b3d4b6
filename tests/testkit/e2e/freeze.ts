import { readdirSync, readFileSync } from 'node:fs'
import { pollUntil } from '../../../scripts/lib/run.ts'

/** Freezes a process with all its threads until the scope ends. */
export async function freeze(pid: number): Promise<Disposable> {
  const thaw = { [Symbol.dispose]: () => void process.kill(pid, 'SIGCONT') }
  process.kill(pid, 'SIGSTOP')
  // SIGSTOP does not reach all threads at once.
  const isFrozen = () => readdirSync(`/proc/${pid}/task`).every(thread => threadState(pid, thread) === 'T')
  if (await pollUntil(5_000, isFrozen)) return thaw
  thaw[Symbol.dispose]()
  throw new Error(`cannot freeze process ${pid}`)
}

/** The letter after the process name, which may contain parentheses itself (proc(5), stat). */
function threadState(pid: number, thread: string): string | undefined {
  return /.*\) (\S)/s.exec(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8'))?.[1]
}
