import { useSignal } from '@preact/signals'
import { errorMessage } from '../../../core/error-message.ts'
import { Dialog } from '../components/dialog.tsx'
import { addDroplet } from '../state/operations.ts'

/** A new droplet; whose keys may enter it is said now. */
export function AddDialog({ onClose }: { onClose: () => void }) {
  const keysText = useSignal('')
  const errorText = useSignal('')
  const isSubmitting = useSignal(false)
  const submit = async () => {
    if (isSubmitting.peek()) return
    isSubmitting.value = true
    errorText.value = ''
    try {
      await addDroplet(
        keysText
          .peek()
          .split('\n')
          .filter(line => line.trim() !== ''),
      )
      onClose()
    } catch (error) {
      errorText.value = errorMessage(error)
      isSubmitting.value = false
    }
  }
  return (
    <Dialog title="Add a droplet" onClose={onClose}>
      <form
        onSubmit={event => {
          event.preventDefault()
          void submit()
        }}
      >
        <p>It gets the next free number, starts at once, and has a key of its own on the Matrix.</p>
        <label>
          Public SSH keys that may enter it, too <span class="soft">(optional, one a line)</span>
          <textarea
            rows={4}
            spellcheck={false}
            placeholder="ssh-ed25519 AAAA… you@laptop"
            value={keysText}
            onInput={event => (keysText.value = event.currentTarget.value)}
          />
        </label>
        {errorText.value && (
          <p class="problem" role="alert">
            {errorText}
          </p>
        )}
        <div class="actions">
          <button type="button" class="quiet" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" disabled={isSubmitting.value}>
            Add
          </button>
        </div>
      </form>
    </Dialog>
  )
}
