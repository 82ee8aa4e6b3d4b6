import './people.css'
import { useSignal } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import type { UserList } from '../../../users/model.ts'
import { ask } from '../api/api.ts'
import { isOwner } from '../api/session.ts'
import { Age } from '../parts/age.tsx'
import { Icon } from '../parts/icon.tsx'
import { Empty, Loading, Problem } from '../parts/states.tsx'
import { usersVersion } from '../state/matrix.ts'
import { createReading } from '../state/reading.ts'
import { AddDialog } from './add-dialog.tsx'
import { GroupChoice } from './group-choice.tsx'
import { LinkDialog } from './link-dialog.tsx'
import { PersonActions } from './person-actions.tsx'

/** Who may sign in, for the owner. */
export function People(_: { parts: readonly string[] }) {
  return <section class="people">{isOwner.value ? <All /> : <NotYours />}</section>
}

function NotYours() {
  return (
    <>
      <h1>People</h1>
      <Empty title="This is the owner's page">
        <p class="soft">Only the owner of this Matrix adds people and gives them new links.</p>
      </Empty>
    </>
  )
}

function All() {
  const { value, problem, read, put } = useMemo(() => createReading(() => ask<UserList>('/user/list')), [])
  const isAdding = useSignal(false)
  /** Whose enrolment link is to be shown. */
  const linked = useSignal<string | undefined>(undefined)
  const version = usersVersion.value
  useEffect(() => void read(), [read, version])
  return (
    <>
      <header class="head">
        <h1>People</h1>
        <button type="button" onClick={() => (isAdding.value = true)}>
          <Icon name="add" /> Add
        </button>
      </header>
      {problem.value && <Problem text={problem.value} retry={() => void read()} />}
      {!value.value && !problem.value && <Loading what="the people" />}
      {value.value && (
        <table>
          <caption class="unseen">People, {value.value.length} of them</caption>
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
            {value.value.map(user => (
              <tr key={user.id}>
                <th class="name" scope="row">
                  <bdi>{user.username}</bdi>
                </th>
                <td class="group">
                  <GroupChoice user={user} put={put} />
                </td>
                <td class="since">
                  <Age since={user.created} />
                </td>
                <td class="do">
                  <PersonActions user={user} put={put} link={() => (linked.value = user.username)} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {isAdding.value && (
        <AddDialog
          close={() => (isAdding.value = false)}
          added={(username, list) => {
            put(list)
            isAdding.value = false
            linked.value = username
          }}
        />
      )}
      {linked.value !== undefined && <LinkDialog username={linked.value} close={() => (linked.value = undefined)} />}
    </>
  )
}
