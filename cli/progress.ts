import { escapeText } from '../src/log.ts'
import type { OperationBody } from '../src/operations/model.ts'

/** What is waited for, in words of the server. */
export interface Waited {
  /** Such as `add cikit05`. */
  title: string
  /** What it is at. */
  doing: string
  progress?: OperationBody['progress']
}

export interface Terminal {
  isTTY?: boolean
  columns?: number
  write(text: string): unknown
}

const BAR = 20
const DRAW_EVERY_MS = 500
const USUAL_COLUMNS = 80
/** More has place on no terminal. */
const LONGEST_TEXT = 1_000

/**
 * One line on a terminal that is drawn anew while something is waited for, and wiped when its scope ends. Where there is
 * no terminal, or `quiet`, nothing is written at all.
 */
export function createProgressLine(options: { terminal: Terminal; quiet: boolean; now?: () => number }) {
  const { terminal, quiet, now = () => performance.now() } = options
  const visible = terminal.isTTY === true && !quiet
  const beganAt = now()
  let waited: Waited | undefined
  const draw = () => {
    if (!waited) return
    const seconds = Math.floor((now() - beganAt) / 1000)
    terminal.write(`\r${toLine(waited, seconds, (terminal.columns || USUAL_COLUMNS) - 1)}\x1b[K`)
  }
  const timer = visible ? setInterval(draw, DRAW_EVERY_MS) : undefined
  return {
    tell(present: Waited): void {
      waited = present
      if (visible) draw()
    },
    [Symbol.dispose](): void {
      clearInterval(timer)
      if (visible && waited) terminal.write('\r\x1b[K')
      waited = undefined
    },
  }
}

/** What an operation is at, for people. */
export function toWaited({ kind, droplet, state, steps, progress }: OperationBody): Waited {
  const step = steps.at(-1)?.name ?? 'begins'
  const doing = state === 'queued' ? 'waits for its turn' : step
  return { title: droplet === null ? kind : `${kind} ${droplet}`, doing, progress }
}

/** `add cikit05: image, 12 s  [########------------]  40%  Step 5/9 : RUN …`, in so many columns at most. */
export function toLine({ title, doing, progress }: Waited, seconds: number, columns: number): string {
  const head = `${escapeText(title)}: ${escapeText(doing)}, ${seconds} s`
  const parts = [
    head,
    ...barOf(progress),
    ...(progress?.text ? [escapeText(progress.text.slice(0, LONGEST_TEXT))] : []),
  ]
  return cut(parts.join('  '), columns)
}

function barOf(progress: Waited['progress']): string[] {
  if (!progress || progress.done === null || progress.total === null || !(progress.total > 0)) return []
  const share = Math.min(1, Math.max(0, progress.done / progress.total))
  const full = Math.floor(share * BAR)
  return [`[${'#'.repeat(full)}${'-'.repeat(BAR - full)}] ${String(Math.floor(share * 100)).padStart(3)}%`]
}

/** By the columns that a terminal gives each character: two for a Chinese one. */
function cut(text: string, columns: number): string {
  if (Bun.stringWidth(text) <= columns) return text
  let kept = ''
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    if (Bun.stringWidth(kept + segment) > columns) break
    kept += segment
  }
  return kept
}
