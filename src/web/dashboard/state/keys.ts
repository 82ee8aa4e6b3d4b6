import { signal } from '@preact/signals'

interface Key {
  /** As `KeyboardEvent.key` has it. */
  key: string
  does: string
  run: (event: KeyboardEvent) => void
}

const all = signal<readonly Key[]>([])

/** The keys that do something at the moment: pages add theirs while they are shown. */
export const keyList = {
  all,
  /** @returns takes the key back */
  add(key: string, does: string, run: Key['run']): () => void {
    const added = { key, does, run }
    all.value = [...all.peek(), added]
    return () => {
      all.value = all.peek().filter(other => other !== added)
    }
  },
}

/** A key counts where nothing is typed, and no dialog is open; with Ctrl, Alt or Meta it is the browser's. */
export function onKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey) return
  if (isTyping(event.target) || document.querySelector('dialog[open]')) return
  const found = all.peek().findLast(({ key }) => key === event.key)
  if (!found) return
  event.preventDefault()
  found.run(event)
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(input|textarea|select)$/i.test(target.tagName))
  )
}
