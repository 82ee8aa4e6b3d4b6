import { signal } from '@preact/signals'

interface Shortcut {
  /** As `KeyboardEvent.key` has it. */
  key: string
  description: string
  run: (event: KeyboardEvent) => void
}

const shortcuts = signal<readonly Shortcut[]>([])

/** The keys that do something at the moment: pages add theirs while they are shown. */
export const shortcutRegistry = {
  all: shortcuts,
  /** @returns takes the key back */
  add(key: string, description: string, run: Shortcut['run']): () => void {
    const shortcut = { key, description, run }
    shortcuts.value = [...shortcuts.peek(), shortcut]
    return () => {
      shortcuts.value = shortcuts.peek().filter(other => other !== shortcut)
    }
  },
}

/** A key counts where nothing is typed, and no dialog is open; with Ctrl, Alt or Meta it is the browser's. */
export function handleKeydown(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey) return
  if (isEditable(event.target) || document.querySelector('dialog[open]')) return
  const match = shortcuts.peek().findLast(({ key }) => key === event.key)
  if (!match) return
  event.preventDefault()
  match.run(event)
}

function isEditable(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(input|textarea|select)$/i.test(target.tagName))
  )
}
