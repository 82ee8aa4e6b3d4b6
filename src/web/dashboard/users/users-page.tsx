import './users.css'
import { useSignal } from '@preact/signals'
import type { UserList } from '../../../users/schema.ts'
import { requestJson } from '../api/client.ts'
import { isOwner } from '../api/session.ts'
import { Age } from '../components/age.tsx'
import { Icon } from '../components/icon.tsx'
import { OwnerOnly } from '../components/owner-only.tsx'
import { ResourceStatus } from '../components/placeholders.tsx'
import { useResource } from '../state/resource.ts'
import { usersVersion } from '../state/store.ts'
import { AddUserDialog } from './add-user-dialog.tsx'
import { EnrolmentLinkDialog } from './enrolment-link-dialog.tsx'
import { GroupSelect } from './group-select.tsx'
import { UserActions } from './user-actions.tsx'

export function UsersPage(_: { segments: readonly string[] }) {
  return (
    <section class="users">
      {isOwner.value ? <Users /> : <OwnerOnly title="Users">Only the owner of this Matrix can manage users.</OwnerOnly>}
    </section>
  )
}

function Users() {
  const resource = useResource(() => requestJson<UserList>('/user/list'), usersVersion.value)
  const { data, setData } = resource
  const isAdding = useSignal(false)
  /** The user whose enrolment link is open. */
  const linkUsername = useSignal<string | undefined>(undefined)
  return (
    <>
      <header class="page-header">
        <h1>Users</h1>
        <button type="button" onClick={() => (isAdding.value = true)}>
          <Icon name="add" /> Add
        </button>
      </header>
      <ResourceStatus resource={resource} label="users" />
      {data.value && (
        <table>
          <caption class="visually-hidden">Users ({data.value.length})</caption>
          <thead>
            <tr>
              <th>Username</th>
              <th>Group</th>
              <th>Created</th>
              <th>
                <span class="visually-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {data.value.map(user => (
              <tr key={user.id}>
                <th class="name" scope="row">
                  <bdi>{user.username}</bdi>
                </th>
                <td class="group">
                  <GroupSelect user={user} setUsers={setData} />
                </td>
                <td class="created">
                  <Age since={user.created} withSuffix />
                </td>
                <td class="row-actions">
                  <UserActions
                    user={user}
                    setUsers={setData}
                    onCreateLink={() => (linkUsername.value = user.username)}
                  />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {isAdding.value && (
        <AddUserDialog
          onClose={() => (isAdding.value = false)}
          onAdded={(username, list) => {
            setData(list)
            isAdding.value = false
            linkUsername.value = username
          }}
        />
      )}
      {linkUsername.value !== undefined && (
        <EnrolmentLinkDialog username={linkUsername.value} onClose={() => (linkUsername.value = undefined)} />
      )}
    </>
  )
}
