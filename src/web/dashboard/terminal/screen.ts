import { FitAddon } from '@xterm/addon-fit'
import { Terminal } from '@xterm/xterm'
import { adoptTerminalStyle, withSheets } from './style.ts'

// The part of the terminal that is large: it is loaded when somebody opens one.

export type Screen = ReturnType<typeof createScreen>

/** A screen with a keyboard, as xterm draws it, that fills its place. */
export function createScreen(
  place: HTMLElement,
  { typed, binary, resized }: { typed: (text: string) => void; binary: (text: string) => void; resized: () => void },
) {
  adoptTerminalStyle()
  const look = getComputedStyle(place)
  const terminal = new Terminal({
    fontFamily: look.getPropertyValue('--mono'),
    fontSize: 14,
    cursorBlink: false,
    screenReaderMode: true,
    scrollback: 5_000,
    theme: { background: '#101418', foreground: '#e4e8ee', cursor: '#e4e8ee', selectionBackground: '#3d5a80' },
  })
  const fit = new FitAddon()
  terminal.loadAddon(fit)
  withSheets(() => terminal.open(place))
  fit.fit()
  terminal.onData(typed)
  terminal.onBinary(binary)
  terminal.onResize(resized)
  const observer = new ResizeObserver(() => place.clientWidth > 0 && fit.fit())
  observer.observe(place)
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
