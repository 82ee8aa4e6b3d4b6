import { signal } from '@preact/signals'

interface Shortcut {
  /** A value of `KeyboardEvent.key`. */
  key: string
  description: string
  run: () => void
}

/** The shortcuts of the mounted components. */
export const shortcuts = signal<readonly Shortcut[]>([])

/** @returns a function that removes the shortcut */
export function addShortcut(key: string, description: string, run: () => void): () => void {
  const shortcut = { key, description, run }
  shortcuts.value = [...shortcuts.peek(), shortcut]
  return () => {
    shortcuts.value = shortcuts.peek().filter(other => other !== shortcut)
  }
}

/** Runs a matching shortcut, except in text fields, in dialogs and with Ctrl, Alt or Meta. */
export function handleKeydown(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey) return
  if (isEditable(event.target) || document.querySelector('dialog[open]')) return
  const match = shortcuts.peek().findLast(({ key }) => key === event.key)
  if (!match) return
  event.preventDefault()
  match.run()
}

function isEditable(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(input|textarea|select)$/i.test(target.tagName))
  )
}
