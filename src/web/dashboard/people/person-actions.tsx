import { useSignal } from '@preact/signals'
import type { UserList } from '../../../users/model.ts'
import { ask } from '../api/api.ts'
import { ConfirmDialog } from '../parts/confirm-dialog.tsx'
import { Icon } from '../parts/icon.tsx'
import { notify, telling } from '../state/notices.ts'

/** What the owner does for, and to, a person. */
export function PersonActions(props: { user: UserList[number]; put: (list: UserList) => void; link: () => void }) {
  const { user, put, link } = props
  const { username } = user
  const isDeleting = useSignal(false)
  const path = encodeURIComponent(username)
  const unlock = async () => {
    await ask(`/user/unlock/${path}`, { method: 'PATCH' })
    notify(`${username} may try to sign in again.`)
  }
  const endSessions = async () => {
    await ask(`/user/auth/revoke/${path}`, { method: 'DELETE' })
    notify(`${username} is signed out everywhere.`)
  }
  const remove = async () => put(await ask<UserList>(`/user/delete/${path}`, { method: 'DELETE' }))
  return (
    <span class="buttons">
      <button type="button" class="quiet small" aria-label={`New link for ${username}`} onClick={link}>
        <Icon name="link" /> New link
      </button>
      <button
        type="button"
        class="quiet small"
        aria-label={`Unlock ${username}`}
        title="Lift the locks of wrong codes"
        onClick={() => void telling(unlock())}
      >
        Unlock
      </button>
      <button
        type="button"
        class="quiet small"
        aria-label={`Sign out ${username} everywhere`}
        onClick={() => void telling(endSessions())}
      >
        Sign out
      </button>
      {user.group !== 'owner' && (
        <button
          type="button"
          class="quiet small"
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
          name={username}
          action="Delete"
          close={() => (isDeleting.value = false)}
          run={() => telling(remove())}
        >
          {username} is signed out everywhere and cannot sign in again. Droplets stay as they are.
        </ConfirmDialog>
      )}
    </span>
  )
}
