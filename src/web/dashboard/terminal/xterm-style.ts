import css from '@xterm/xterm/css/xterm.css' with { type: 'text' }

// xterm adds `style` elements at run time, which the Content-Security-Policy forbids. Constructed style sheets are
// allowed, so its styles are redirected into those.

let isAdopted = false

/** Adds xterm's own style sheet, once. */
export function adoptXtermStyle(): void {
  if (isAdopted) return
  isAdopted = true
  adoptNewSheet().replaceSync(css)
}

/** Runs a callback during which every new `style` element writes to a constructed sheet. */
export function withConstructedSheets<T>(callback: () => T): T {
  // xterm 6.0.0 ignores its own `documentOverride` in places (CoreBrowserTerminal.open).
  const original = document.createElement
  document.createElement = (name: string) => (name === 'style' ? createStyleStandIn() : original.call(document, name))
  try {
    return callback()
  } finally {
    document.createElement = original
  }
}

/** An element that xterm can use in place of `style`. */
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
