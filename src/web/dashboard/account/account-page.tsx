import './account.css'
import { useSignal } from '@preact/signals'
import { requestJson } from '../api/client.ts'
import { session, signOut } from '../api/session.ts'
import { ResourceStatus } from '../components/placeholders.tsx'
import { useResource } from '../state/resource.ts'
import { RecoveryCodesDialog } from './recovery-codes-dialog.tsx'
import { type ListedSession, SessionsTable } from './sessions-table.tsx'
import { SshKeys } from './ssh-keys.tsx'

interface CurrentUser {
  username: string
  group: string
  created: string
  session: string
  recovery_codes_left: number
}

const FEW_CODES = 3

export function AccountPage(_: { segments: readonly string[] }) {
  const username = session.value?.username ?? ''
  const resource = useResource(async () => {
    const [currentUser, sessions] = await Promise.all([
      requestJson<CurrentUser>('/user/me'),
      requestJson<ListedSession[]>(`/user/sessions/${encodeURIComponent(username)}`),
    ])
    return { currentUser, sessions: sessions.toReversed() }
  })
  const { data, load } = resource
  const isRenewingCodes = useSignal(false)
  return (
    <section class="account">
      <header class="page-header">
        <h1>Account</h1>
        <button type="button" class="secondary" onClick={() => void signOut()}>
          Sign out
        </button>
      </header>
      {isRenewingCodes.value && (
        <RecoveryCodesDialog
          username={username}
          onClose={() => {
            isRenewingCodes.value = false
            void load()
          }}
        />
      )}
      <ResourceStatus resource={resource} label="account" />
      {data.value && (
        <>
          <AccountDetails currentUser={data.value.currentUser} onRenewCodes={() => (isRenewingCodes.value = true)} />
          <h2>Active sessions</h2>
          <SessionsTable sessions={data.value.sessions} currentId={data.value.currentUser.session} onEnded={load} />
          <SshKeys />
          <p class="muted">
            Lost your phone? <a href="enrol">Use a recovery code</a> to set up a new one.
          </p>
        </>
      )}
    </section>
  )
}

function AccountDetails({
  currentUser: { username, group, recovery_codes_left },
  onRenewCodes,
}: {
  currentUser: CurrentUser
  onRenewCodes: () => void
}) {
  return (
    <dl class="details">
      <div>
        <dt>Username</dt>
        <dd>
          <bdi>{username}</bdi>
        </dd>
      </div>
      <div>
        <dt>Group</dt>
        <dd>{group}</dd>
      </div>
      <div>
        <dt>Recovery codes left</dt>
        <dd>
          {recovery_codes_left}
          {recovery_codes_left < FEW_CODES && ' · create new ones soon'}{' '}
          <button type="button" class="secondary small" onClick={onRenewCodes}>
            New recovery codes
          </button>
        </dd>
      </div>
    </dl>
  )
}
