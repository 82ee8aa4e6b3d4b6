import { signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { Dialog } from '../parts/dialog.tsx'
import { keyList, onKey } from '../state/keys.ts'

const isShown = signal(false)

/** Hears the keys of all pages, and shows them by `?`. */
export function Keys() {
  useEffect(() => {
    document.addEventListener('keydown', onKey)
    return () => document.removeEventListener('keydown', onKey)
  }, [])
  useEffect(() => keyList.add('?', 'Show all keys', () => (isShown.value = true)), [])
  if (!isShown.value) return null
  return (
    <Dialog title="Keys" close={() => (isShown.value = false)}>
      <dl class="keys">
        {keyList.all.value.map(({ key, does }) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  )
}
