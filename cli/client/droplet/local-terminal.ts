import { constants } from 'node:os'
import type { TerminalSize } from '../../../src/droplets/engine.ts'
import { MAX_TERMINAL_SIDE } from '../../../src/droplets/exec/protocol.ts'
import { runProgram } from '../../shared/run-program.ts'
import type { LocalTerminal } from '../api/terminal-session.ts'

/** Ctrl-], as in telnet. */
const QUIT_KEY = 0x1d
const CTRL_C = 0x03
const LINE_FEED = 0x0a
const SIGINT_EXIT_CODE = 130
const DEFAULT_SIZE: TerminalSize = { columns: 80, rows: 24 }
const ALTERNATE_SCREEN = '\x1b[?1049'
/** Resets modes that a program may have left on: bracketed paste, mouse reports, colours, a hidden cursor. */
const RESET_MODES = '\x1b[?2004l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[!p'
const CLEAR = '\x1b[!p\x1b[H\x1b[2J'

/** This program's terminal, in raw mode until its scope ends. */
export async function openLocalTerminal(): Promise<LocalTerminal & AsyncDisposable> {
  const { stdin, stdout } = process
  const quit = Promise.withResolvers<number>()
  const signalListeners = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map(signal => {
    const listener = () => quit.resolve(128 + constants.signals[signal])
    process.on(signal, listener)
    return { signal, listener }
  })
  let isAlternateScreen = false
  let lastByte: number | undefined
  let listener: Parameters<LocalTerminal['listen']>[0] | undefined
  const onData = (chunk: Buffer) => {
    const quitIndex = chunk.indexOf(QUIT_KEY)
    const bytes = quitIndex === -1 ? chunk : chunk.subarray(0, quitIndex)
    const wasHandled = listener?.onInput(new Uint8Array(bytes)) ?? false
    if (quitIndex !== -1) quit.resolve(0)
    else if (!wasHandled && bytes.includes(CTRL_C)) quit.resolve(SIGINT_EXIT_CODE)
  }
  const onResize = () => listener?.onResize()
  const onEnd = () => quit.resolve(1)
  stdin.setRawMode(true)
  stdin.on('data', onData).on('end', onEnd)
  process.on('SIGWINCH', onResize)
  // Raw mode still turns line feeds into new lines, which breaks full-screen programs. If stty fails, all else works.
  await runProgram(['stty', '-F', `/proc/${process.pid}/fd/0`, '-opost']).catch(() => undefined)

  return {
    size: () => terminalSize(stdout),
    write(bytes): void {
      const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
      const switchIndex = text.lastIndexOf(ALTERNATE_SCREEN)
      lastByte = bytes.at(-1) ?? lastByte
      if (switchIndex !== -1) isAlternateScreen = text.charAt(switchIndex + ALTERNATE_SCREEN.length) === 'h'
      stdout.write(bytes)
    },
    clear: () => void stdout.write(CLEAR),
    // In raw mode, a line feed does not return to the start of the line.
    printStatus: message => void process.stderr.write(`\r\ncikit-api: ${message}\r\n`),
    listen(newListener): void {
      listener = newListener
    },
    quit: quit.promise,

    async [Symbol.asyncDispose]() {
      process.off('SIGWINCH', onResize)
      stdin.off('data', onData).off('end', onEnd)
      stdin.setRawMode(false)
      stdin.pause()
      for (const { signal, listener } of signalListeners) process.off(signal, listener)
      const exitAlternate = isAlternateScreen ? `${ALTERNATE_SCREEN}l` : ''
      const line = lastByte === LINE_FEED ? '' : '\n'
      const restoreSequence = stdout.isTTY && lastByte !== undefined ? `${exitAlternate}${RESET_MODES}${line}` : ''
      await new Promise<void>(resolve => stdout.write(restoreSequence, () => resolve()))
    },
  }
}

/** Read each time: it changes with SIGWINCH. */
function terminalSize(stdout: NodeJS.WriteStream): TerminalSize {
  if (!stdout.isTTY) return DEFAULT_SIZE
  const [columns, rows] = stdout.getWindowSize()
  const clampDimension = (value: number, fallback: number) => Math.min(value || fallback, MAX_TERMINAL_SIDE)
  return { columns: clampDimension(columns, DEFAULT_SIZE.columns), rows: clampDimension(rows, DEFAULT_SIZE.rows) }
}
