import { signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { Dialog } from '../components/dialog.tsx'
import { addShortcut, handleKeydown, shortcuts } from '../state/shortcuts.ts'

const isOpen = signal(false)

const keyLabels: Partial<Record<string, string>> = { ArrowDown: '↓', ArrowUp: '↑' }

/** Handles the keyboard shortcuts of all pages, and lists them when `?` is pressed. */
export function ShortcutsDialog() {
  useEffect(() => {
    document.addEventListener('keydown', handleKeydown)
    return () => document.removeEventListener('keydown', handleKeydown)
  }, [])
  useEffect(() => addShortcut('?', 'Show keyboard shortcuts', () => (isOpen.value = true)), [])
  if (!isOpen.value) return null
  return (
    <Dialog title="Keyboard shortcuts" onClose={() => (isOpen.value = false)}>
      <dl class="shortcuts">
        {shortcuts.value.map(({ key, description }) => (
          <div key={key}>
            <dt>
              <kbd>{keyLabels[key] ?? key}</kbd>
            </dt>
            <dd>{description}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  )
}
