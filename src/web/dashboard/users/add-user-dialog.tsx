import { useSignal } from '@preact/signals'
import type { UserList } from '../../../users/schema.ts'
import { requestJson } from '../api/client.ts'
import { Dialog } from '../components/dialog.tsx'
import { DialogForm } from '../components/form.tsx'

/** @param onAdded receives the new user's name and the updated list */
export function AddUserDialog({
  onClose,
  onAdded,
}: {
  onClose: () => void
  onAdded: (username: string, list: UserList) => void
}) {
  const username = useSignal('')
  const group = useSignal('viewer')
  const add = async () => {
    const json = { username: username.peek().trim(), group: group.peek() }
    onAdded(json.username, await requestJson<UserList>('/user/add', { method: 'POST', json }))
  }
  return (
    <Dialog title="Add user" onClose={onClose}>
      <DialogForm action={add} submitLabel="Add" canSubmit={username.value.trim() !== ''} onCancel={onClose}>
        <label>
          Username
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
            <option value="viewer">viewer: can see droplets</option>
            <option value="manager">manager: can also manage droplets</option>
          </select>
        </label>
      </DialogForm>
    </Dialog>
  )
}
