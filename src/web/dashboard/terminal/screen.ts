import { FitAddon } from '@xterm/addon-fit'
import { Terminal } from '@xterm/xterm'
import { adoptXtermStyle, withConstructedSheets } from './xterm-style.ts'

// Loaded on demand, because xterm is large.

/** An xterm that fills its container. */
export function createScreen(
  container: HTMLElement,
  {
    onData,
    onBinary,
    onResize,
  }: { onData: (text: string) => void; onBinary: (text: string) => void; onResize: () => void },
) {
  adoptXtermStyle()
  const style = getComputedStyle(container)
  const terminal = new Terminal({
    fontFamily: style.getPropertyValue('--mono'),
    fontSize: 14,
    cursorBlink: false,
    screenReaderMode: true,
    scrollback: 5_000,
    theme: { background: '#101418', foreground: '#e4e8ee', cursor: '#e4e8ee', selectionBackground: '#3d5a80' },
  })
  const fitAddon = new FitAddon()
  terminal.loadAddon(fitAddon)
  withConstructedSheets(() => terminal.open(container))
  fitAddon.fit()
  terminal.onData(onData)
  terminal.onBinary(onBinary)
  terminal.onResize(onResize)
  const observer = new ResizeObserver(() => container.clientWidth > 0 && fitAddon.fit())
  observer.observe(container)
  return {
    size: () => ({ columns: terminal.cols, rows: terminal.rows }),
    write: (bytes: Uint8Array): void => terminal.write(bytes),
    reset: (): void => terminal.reset(),
    focus: (): void => terminal.focus(),
    dispose(): void {
      observer.disconnect()
      terminal.dispose()
    },
  }
}
