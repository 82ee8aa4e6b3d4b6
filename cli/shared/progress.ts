import { escapeText } from '../../src/core/log.ts'
import type { OperationBody } from '../../src/droplets/operations/schema.ts'

/** Texts of the server about an operation. */
export interface ProgressStatus {
  /** `add cikit05`. */
  title: string
  /** The current step. */
  stage: string
  progress?: OperationBody['progress']
}

interface TerminalOutput {
  isTTY?: boolean
  columns?: number
  write(text: string): unknown
}

const BAR_WIDTH = 20
const REDRAW_INTERVAL_MS = 500
const DEFAULT_COLUMNS = 80
/** More than fits on any terminal; limits the cost of measuring text. */
const MAX_TEXT_LENGTH = 1_000

/** A line on a terminal that is redrawn until its scope ends, then erased. Silent without a terminal, or if `quiet`. */
export function createProgressLine(options: { terminal: TerminalOutput; quiet: boolean; now?: () => number }) {
  const { terminal, quiet, now = () => performance.now() } = options
  const visible = terminal.isTTY === true && !quiet
  const startedAt = now()
  let status: ProgressStatus | undefined
  const draw = () => {
    if (!status) return
    const seconds = Math.floor((now() - startedAt) / 1000)
    terminal.write(`\r${toProgressLine(status, seconds, (terminal.columns || DEFAULT_COLUMNS) - 1)}\x1b[K`)
  }
  const timer = visible ? setInterval(draw, REDRAW_INTERVAL_MS) : undefined
  return {
    update(newStatus: ProgressStatus): void {
      status = newStatus
      if (visible) draw()
    },
    [Symbol.dispose](): void {
      clearInterval(timer)
      if (visible && status) terminal.write('\r\x1b[K')
      status = undefined
    },
  }
}

export function toProgressStatus({ kind, droplet, state, steps, progress }: OperationBody): ProgressStatus {
  const step = steps.at(-1)?.name ?? 'starting'
  const stage = state === 'queued' ? 'queued' : step
  return { title: droplet === null ? kind : `${kind} ${droplet}`, stage, progress }
}

/** `add cikit05: image, 12 s  [########------------]  40%  Step 5/9 : RUN …`, cut to `columns`. */
export function toProgressLine({ title, stage, progress }: ProgressStatus, seconds: number, columns: number): string {
  const head = `${escapeText(title)}: ${escapeText(stage)}, ${seconds} s`
  const parts = [
    head,
    ...progressBar(progress),
    ...(progress?.text ? [escapeText(progress.text.slice(0, MAX_TEXT_LENGTH))] : []),
  ]
  return truncateToWidth(parts.join('  '), columns)
}

function progressBar(progress: ProgressStatus['progress']): string[] {
  if (!progress || progress.done === null || progress.total === null || !(progress.total > 0)) return []
  const fraction = Math.min(1, Math.max(0, progress.done / progress.total))
  const filled = Math.floor(fraction * BAR_WIDTH)
  return [`[${'#'.repeat(filled)}${'-'.repeat(BAR_WIDTH - filled)}] ${String(Math.floor(fraction * 100)).padStart(3)}%`]
}

/** Measures terminal columns: a Chinese character takes two. */
function truncateToWidth(text: string, columns: number): string {
  if (Bun.stringWidth(text) <= columns) return text
  let result = ''
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    if (Bun.stringWidth(result + segment) > columns) break
    result += segment
  }
  return result
}
