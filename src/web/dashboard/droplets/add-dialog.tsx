import { useSignal } from '@preact/signals'
import { wordsFor } from '../api/http.ts'
import { Dialog } from '../parts/dialog.tsx'
import { addDroplet } from '../state/changes.ts'

/** A new droplet; whose keys may enter it is said now. */
export function AddDialog({ close }: { close: () => void }) {
  const keys = useSignal('')
  const problem = useSignal('')
  const isAsking = useSignal(false)
  const submit = async () => {
    if (isAsking.peek()) return
    isAsking.value = true
    problem.value = ''
    try {
      await addDroplet(
        keys
          .peek()
          .split('\n')
          .filter(line => line.trim() !== ''),
      )
      close()
    } catch (error) {
      problem.value = wordsFor(error)
      isAsking.value = false
    }
  }
  return (
    <Dialog title="Add a droplet" close={close}>
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
            value={keys}
            onInput={event => (keys.value = event.currentTarget.value)}
          />
        </label>
        {problem.value && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
        <div class="actions">
          <button type="button" class="quiet" onClick={close}>
            Cancel
          </button>
          <button type="submit" disabled={isAsking.value}>
            Add
          </button>
        </div>
      </form>
    </Dialog>
  )
}
