import css from '@xterm/xterm/css/xterm.css' with { type: 'text' }

// The page allows no styles but those of its own files (Content-Security-Policy), and the terminal makes its own while it
// runs. A sheet that a script constructs is no markup, and allowed: that is where they go.

let isDrawn = false

/** The sheet that the terminal brings with it. */
export function adoptTerminalStyle(): void {
  if (isDrawn) return
  isDrawn = true
  adopt().replaceSync(css)
}

/** Does what makes `style` elements: each of them fills a constructed sheet. */
export function withSheets<T>(work: () => T): T {
  // Of xterm's own `documentOverride` not all of it takes notice (6.0.0, CoreBrowserTerminal.open).
  const create = document.createElement
  document.createElement = (name: string) => (name === 'style' ? sheetElement() : create.call(document, name))
  try {
    return work()
  } finally {
    document.createElement = create
  }
}

/** Stands where a `style` element would. */
function sheetElement(): HTMLElement {
  const sheet = adopt()
  const stand = document.createElement('span')
  stand.hidden = true
  Object.defineProperty(stand, 'textContent', { set: (text: string) => sheet.replaceSync(text) })
  stand.remove = () => {
    Element.prototype.remove.call(stand)
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter(each => each !== sheet)
  }
  return stand
}

function adopt(): CSSStyleSheet {
  const sheet = new CSSStyleSheet()
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet]
  return sheet
}
