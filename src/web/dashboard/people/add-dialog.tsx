import { useSignal } from '@preact/signals'
import type { UserList } from '../../../users/model.ts'
import { ask } from '../api/api.ts'
import { wordsFor } from '../api/http.ts'
import { Dialog } from '../parts/dialog.tsx'

/** @param added told of the new user, and of all as they are then */
export function AddDialog({ close, added }: { close: () => void; added: (username: string, list: UserList) => void }) {
  const username = useSignal('')
  const group = useSignal('viewer')
  const problem = useSignal('')
  const isAsking = useSignal(false)
  const submit = async () => {
    if (isAsking.peek()) return
    isAsking.value = true
    problem.value = ''
    const json = { username: username.peek().trim(), group: group.peek() }
    try {
      added(json.username, await ask<UserList>('/user/add', { method: 'POST', json }))
    } catch (error) {
      problem.value = wordsFor(error)
      isAsking.value = false
    }
  }
  return (
    <Dialog title="Add a person" close={close}>
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
        {problem.value && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
        <div class="actions">
          <button type="button" class="quiet" onClick={close}>
            Cancel
          </button>
          <button type="submit" disabled={isAsking.value || username.value.trim() === ''}>
            Add
          </button>
        </div>
      </form>
    </Dialog>
  )
}
