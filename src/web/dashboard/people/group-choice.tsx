import type { UserList } from '../../../users/model.ts'
import { ask } from '../api/api.ts'
import { announce } from '../state/announcer.ts'
import { telling } from '../state/notices.ts'

/** The group of a person, which the owner may change; its own it hands over on the host. */
export function GroupChoice({
  user: { username, group },
  put,
}: {
  user: UserList[number]
  put: (list: UserList) => void
}) {
  if (group === 'owner') return <>owner</>
  const change = async (to: string) => {
    const path = `/user/group/${encodeURIComponent(username)}`
    put(await ask<UserList>(path, { method: 'PATCH', json: { group: to } }))
    announce(`${username} is a ${to} now.`)
  }
  return (
    <select
      aria-label={`Group of ${username}`}
      value={group}
      onChange={async event => {
        const choice = event.currentTarget
        if (!(await telling(change(choice.value)))) choice.value = group
      }}
    >
      <option>viewer</option>
      <option>manager</option>
    </select>
  )
}
