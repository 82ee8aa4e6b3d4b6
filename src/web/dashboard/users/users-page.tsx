import './users.css'
import { useSignal } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import type { UserList } from '../../../users/schema.ts'
import { requestJson } from '../api/client.ts'
import { isOwner } from '../api/session.ts'
import { Age } from '../components/age.tsx'
import { Icon } from '../components/icon.tsx'
import { EmptyState, ErrorMessage, Loading } from '../components/placeholders.tsx'
import { createResource } from '../state/resource.ts'
import { usersVersion } from '../state/store.ts'
import { AddDialog } from './add-dialog.tsx'
import { EnrolmentLinkDialog } from './enrolment-link-dialog.tsx'
import { GroupSelect } from './group-select.tsx'
import { UserActions } from './user-actions.tsx'

/** Who may sign in, for the owner. */
export function UsersPage(_: { segments: readonly string[] }) {
  return <section class="people">{isOwner.value ? <Users /> : <OwnerOnly />}</section>
}

function OwnerOnly() {
  return (
    <>
      <h1>People</h1>
      <EmptyState title="This is the owner's page">
        <p class="soft">Only the owner of this Matrix adds people and gives them new links.</p>
      </EmptyState>
    </>
  )
}

function Users() {
  const { data, errorText, load, setData } = useMemo(
    () => createResource(() => requestJson<UserList>('/user/list')),
    [],
  )
  const isAdding = useSignal(false)
  /** Whose enrolment link is to be shown. */
  const linkUsername = useSignal<string | undefined>(undefined)
  const version = usersVersion.value
  useEffect(() => void load(), [load, version])
  return (
    <>
      <header class="head">
        <h1>People</h1>
        <button type="button" onClick={() => (isAdding.value = true)}>
          <Icon name="add" /> Add
        </button>
      </header>
      {errorText.value && <ErrorMessage text={errorText.value} onRetry={() => void load()} />}
      {!data.value && !errorText.value && <Loading label="the people" />}
      {data.value && (
        <table>
          <caption class="unseen">People, {data.value.length} of them</caption>
          <thead>
            <tr>
              <th>Name</th>
              <th>Group</th>
              <th>Since</th>
              <th>
                <span class="unseen">Actions</span>
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
                <td class="since">
                  <Age since={user.created} />
                </td>
                <td class="do">
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
        <AddDialog
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
