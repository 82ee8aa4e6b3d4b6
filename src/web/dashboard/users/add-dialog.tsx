import { useSignal } from '@preact/signals'
import { errorMessage } from '../../../core/error-message.ts'
import type { UserList } from '../../../users/schema.ts'
import { requestJson } from '../api/client.ts'
import { Dialog } from '../components/dialog.tsx'

/** @param added told of the new user, and of all as they are then */
export function AddDialog({
  onClose,
  onAdded,
}: {
  onClose: () => void
  onAdded: (username: string, list: UserList) => void
}) {
  const username = useSignal('')
  const group = useSignal('viewer')
  const errorText = useSignal('')
  const isSubmitting = useSignal(false)
  const submit = async () => {
    if (isSubmitting.peek()) return
    isSubmitting.value = true
    errorText.value = ''
    const json = { username: username.peek().trim(), group: group.peek() }
    try {
      onAdded(json.username, await requestJson<UserList>('/user/add', { method: 'POST', json }))
    } catch (error) {
      errorText.value = errorMessage(error)
      isSubmitting.value = false
    }
  }
  return (
    <Dialog title="Add a person" onClose={onClose}>
      <form
        onSubmit={event => {
          event.preventDefault()
          void submit()
        }}
      >
        <label>
          Name
          <input
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
            autofocus
            required
            maxLength={64}
            value={username}
            onInput={event => (username.value = event.currentTarget.value)}
          />
        </label>
        <label>
          Group
          <select value={group} onChange={event => (group.value = event.currentTarget.value)}>
            <option value="viewer">viewer: sees the droplets</option>
            <option value="manager">manager: works with them, too</option>
          </select>
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
          <button type="submit" disabled={isSubmitting.value || username.value.trim() === ''}>
            Add
          </button>
        </div>
      </form>
    </Dialog>
  )
}
