import { signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { Dialog } from '../components/dialog.tsx'
import { handleKeydown, shortcutRegistry } from '../state/shortcuts.ts'

const isShown = signal(false)

/** Hears the keys of all pages, and shows them by `?`. */
export function ShortcutsDialog() {
  useEffect(() => {
    document.addEventListener('keydown', handleKeydown)
    return () => document.removeEventListener('keydown', handleKeydown)
  }, [])
  useEffect(() => shortcutRegistry.add('?', 'Show all keys', () => (isShown.value = true)), [])
  if (!isShown.value) return null
  return (
    <Dialog title="Keys" onClose={() => (isShown.value = false)}>
      <dl class="keys">
        {shortcutRegistry.all.value.map(({ key, description }) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{description}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  )
}
