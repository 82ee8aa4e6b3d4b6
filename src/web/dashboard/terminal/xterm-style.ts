import css from '@xterm/xterm/css/xterm.css' with { type: 'text' }

// The page allows no styles but those of its own files (Content-Security-Policy), and the terminal makes its own while it
// runs. A sheet that a script constructs is no markup, and allowed: that is where they go.

let isAdopted = false

/** The sheet that the terminal brings with it. */
export function adoptXtermStyle(): void {
  if (isAdopted) return
  isAdopted = true
  adoptNewSheet().replaceSync(css)
}

/** Does what makes `style` elements: each of them fills a constructed sheet. */
export function withConstructedSheets<T>(callback: () => T): T {
  // Of xterm's own `documentOverride` not all of it takes notice (6.0.0, CoreBrowserTerminal.open).
  const original = document.createElement
  document.createElement = (name: string) => (name === 'style' ? createStyleStandIn() : original.call(document, name))
  try {
    return callback()
  } finally {
    document.createElement = original
  }
}

/** Stands where a `style` element would. */
function createStyleStandIn(): HTMLElement {
  const sheet = adoptNewSheet()
  const element = document.createElement('span')
  element.hidden = true
  Object.defineProperty(element, 'textContent', { set: (text: string) => sheet.replaceSync(text) })
  element.remove = () => {
    Element.prototype.remove.call(element)
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter(other => other !== sheet)
  }
  return element
}

function adoptNewSheet(): CSSStyleSheet {
  const sheet = new CSSStyleSheet()
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet]
  return sheet
}
