import { constants } from 'node:os'
import type { TerminalSize } from './client/terminal-link.ts'
import type { LocalTerminal } from './client/terminal-session.ts'
import { runProgram } from './program.ts'

/** Ctrl-], as telnet has it. */
const LEAVE = 0x1d
const CTRL_C = 0x03
const LINE_FEED = 0x0a
const INTERRUPTED = 130
const LARGEST_SIDE = 1_000
const USUAL: TerminalSize = { columns: 80, rows: 24 }
const OTHER_SCREEN = '\x1b[?1049'
/** What a program may have left: a pasting mode, a mouse that is told of, colours, a cursor that is hidden. */
const USUAL_MODES = '\x1b[?2004l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[!p'
const CLEAR = '\x1b[!p\x1b[H\x1b[2J'

/** The terminal that this program runs at, in raw mode until its scope ends. */
export async function openLocalTerminal(): Promise<LocalTerminal & AsyncDisposable> {
  const { stdin, stdout } = process
  const left = Promise.withResolvers<number>()
  const leaveBy = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map(signal => {
    const listener = () => left.resolve(128 + constants.signals[signal])
    process.on(signal, listener)
    return { signal, listener }
  })
  let onOtherScreen = false
  let lastByte: number | undefined
  let listener: Parameters<LocalTerminal['listen']>[0] | undefined
  const typed = (chunk: Buffer) => {
    const at = chunk.indexOf(LEAVE)
    const bytes = at === -1 ? chunk : chunk.subarray(0, at)
    const isTaken = listener?.typed(new Uint8Array(bytes)) ?? false
    if (at !== -1) left.resolve(0)
    else if (!isTaken && bytes.includes(CTRL_C)) left.resolve(INTERRUPTED)
  }
  const resized = () => listener?.resized()
  const closed = () => left.resolve(1)
  stdin.setRawMode(true)
  stdin.on('data', typed).on('end', closed)
  process.on('SIGWINCH', resized)
  // Raw mode leaves line feeds to be made into new lines, which programs of a whole screen do not mean by them. Without
  // this, all but their pictures is right.
  await runProgram(['stty', '-F', `/proc/${process.pid}/fd/0`, '-opost']).catch(() => undefined)

  return {
    size: () => sizeOf(stdout),
    write(bytes): void {
      const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
      const at = text.lastIndexOf(OTHER_SCREEN)
      lastByte = bytes.at(-1) ?? lastByte
      if (at !== -1) onOtherScreen = text.charAt(at + OTHER_SCREEN.length) === 'h'
      stdout.write(bytes)
    },
    clear: () => void stdout.write(CLEAR),
    // Raw mode leaves the way back to the beginning of a line to us.
    tell: words => void process.stderr.write(`\r\ncikit-api: ${words}\r\n`),
    listen(next): void {
      listener = next
    },
    left: left.promise,

    async [Symbol.asyncDispose]() {
      process.off('SIGWINCH', resized)
      stdin.off('data', typed).off('end', closed)
      stdin.setRawMode(false)
      stdin.pause()
      for (const { signal, listener } of leaveBy) process.off(signal, listener)
      const screen = onOtherScreen ? `${OTHER_SCREEN}l` : ''
      const line = lastByte === LINE_FEED ? '' : '\n'
      const leaving = stdout.isTTY && lastByte !== undefined ? `${screen}${USUAL_MODES}${line}` : ''
      await new Promise<void>(resolve => stdout.write(leaving, () => resolve()))
    },
  }
}

/** Asked for each time: it is another one after SIGWINCH. */
function sizeOf(stdout: NodeJS.WriteStream): TerminalSize {
  if (!stdout.isTTY) return USUAL
  const [columns, rows] = stdout.getWindowSize()
  const side = (value: number, usual: number) => Math.min(value || usual, LARGEST_SIDE)
  return { columns: side(columns, USUAL.columns), rows: side(rows, USUAL.rows) }
}
