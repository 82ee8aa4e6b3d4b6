import { useSignal } from '@preact/signals'
import type { UserList } from '../../../users/schema.ts'
import { requestJson } from '../api/client.ts'
import { ConfirmDialog } from '../components/confirm-dialog.tsx'
import { Icon } from '../components/icon.tsx'
import { showToast, withErrorToast } from '../state/toasts.ts'

export function UserActions(props: {
  user: UserList[number]
  setUsers: (list: UserList) => void
  onCreateLink: () => void
}) {
  const { user, setUsers, onCreateLink } = props
  const { username } = user
  const isDeleting = useSignal(false)
  const encodedUsername = encodeURIComponent(username)
  const unlock = async () => {
    await requestJson(`/user/unlock/${encodedUsername}`, { method: 'PATCH' })
    showToast(`${username} can sign in again.`)
  }
  const endSessions = async () => {
    await requestJson(`/user/auth/revoke/${encodedUsername}`, { method: 'DELETE' })
    showToast(`${username} is signed out everywhere.`)
  }
  const remove = async () =>
    setUsers(await requestJson<UserList>(`/user/delete/${encodedUsername}`, { method: 'DELETE' }))
  return (
    <span class="buttons">
      <button
        type="button"
        class="secondary small"
        aria-label={`Create enrolment link for ${username}`}
        onClick={onCreateLink}
      >
        <Icon name="link" /> Create enrolment link
      </button>
      <button
        type="button"
        class="secondary small"
        aria-label={`Unlock sign-in for ${username}`}
        title="Unlock sign-in"
        onClick={() => void withErrorToast(unlock())}
      >
        Unlock
      </button>
      <button
        type="button"
        class="secondary small"
        aria-label={`Sign out ${username} everywhere`}
        onClick={() => void withErrorToast(endSessions())}
      >
        Sign out
      </button>
      {user.group !== 'owner' && (
        <button
          type="button"
          class="secondary small"
          aria-label={`Delete ${username}`}
          title="Delete"
          onClick={() => (isDeleting.value = true)}
        >
          <Icon name="delete" />
        </button>
      )}
      {isDeleting.value && (
        <ConfirmDialog
          title={`Delete ${username}?`}
          expectedText={username}
          actionLabel="Delete"
          onClose={() => (isDeleting.value = false)}
          onConfirm={remove}
        >
          {username} is signed out everywhere and can no longer sign in. Droplets are not affected.
        </ConfirmDialog>
      )}
    </span>
  )
}
