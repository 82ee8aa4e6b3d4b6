import type { UserList } from '../../../users/schema.ts'
import { requestJson } from '../api/client.ts'
import { announce } from '../state/announcer.ts'
import { withErrorToast } from '../state/toasts.ts'

/** The owner's own group is fixed here; ownership is handed over on the host. */
export function GroupSelect({
  user: { username, group },
  setUsers,
}: {
  user: UserList[number]
  setUsers: (list: UserList) => void
}) {
  if (group === 'owner') return <>owner</>
  const changeGroup = async (newGroup: string) => {
    const path = `/user/group/${encodeURIComponent(username)}`
    setUsers(await requestJson<UserList>(path, { method: 'PATCH', json: { group: newGroup } }))
    announce(`${username} is now a ${newGroup}.`)
  }
  return (
    <select
      aria-label={`Group of ${username}`}
      value={group}
      onChange={async event => {
        const select = event.currentTarget
        if (!(await withErrorToast(changeGroup(select.value)))) select.value = group
      }}
    >
      <option>viewer</option>
      <option>manager</option>
    </select>
  )
}
