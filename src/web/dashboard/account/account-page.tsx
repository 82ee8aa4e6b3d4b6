import { useSignal } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import { requestJson } from '../api/client.ts'
import { session, signOut } from '../api/session.ts'
import { Age } from '../components/age.tsx'
import { ErrorMessage, Loading } from '../components/placeholders.tsx'
import { createResource } from '../state/resource.ts'
import { showToast, withErrorToast } from '../state/toasts.ts'
import { RecoveryCodesDialog } from './recovery-codes-dialog.tsx'
import './account.css'
import { SshKeys } from './ssh-keys.tsx'

interface CurrentUser {
  username: string
  group: string
  created: string
  session: string
  recovery_codes_left: number
}

interface ListedSession {
  id: string
  created: string
  last_used: string
  address: string
  agent: string
}

/** What concerns the person itself. */
export function AccountPage(_: { segments: readonly string[] }) {
  const username = session.value?.username ?? ''
  const encodedUsername = encodeURIComponent(username)
  const { data, errorText, load } = useMemo(
    () =>
      createResource(async () => {
        const [currentUser, sessions] = await Promise.all([
          requestJson<CurrentUser>('/user/me'),
          requestJson<ListedSession[]>(`/user/sessions/${encodedUsername}`),
        ])
        return { currentUser, sessions: sessions.toReversed() }
      }),
    [encodedUsername],
  )
  useEffect(() => void load(), [load])
  const endSession = async (id: string) => {
    await requestJson(`/user/session/${encodeURIComponent(id)}`, { method: 'DELETE' })
    showToast('That session has ended.')
    await load()
  }
  const isRenewingCodes = useSignal(false)
  const account = data.value
  return (
    <section class="me">
      <header class="head">
        <h1>{username}</h1>
        <button type="button" class="quiet" onClick={() => void signOut()}>
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
      {errorText.value && <ErrorMessage text={errorText.value} onRetry={() => void load()} />}
      {!account && !errorText.value && <Loading label="your sessions" />}
      {account && (
        <>
          <dl class="facts">
            <div>
              <dt>Group</dt>
              <dd>{account.currentUser.group}</dd>
            </div>
            <div>
              <dt>Recovery codes left</dt>
              <dd>
                {account.currentUser.recovery_codes_left}
                {account.currentUser.recovery_codes_left < 3 && ' · make new ones soon'}{' '}
                <button type="button" class="quiet small" onClick={() => (isRenewingCodes.value = true)}>
                  New recovery codes
                </button>
              </dd>
            </div>
          </dl>
          <h2>Where you are signed in</h2>
          <table>
            <caption class="unseen">Your sessions, newest first</caption>
            <thead>
              <tr>
                <th>Browser or program</th>
                <th>From</th>
                <th>Signed in</th>
                <th>Last used</th>
                <th>
                  <span class="unseen">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {account.sessions.map(({ id, agent, address, created, last_used }) => (
                <tr key={id}>
                  <th class="name" scope="row">
                    <bdi>{agent || 'unknown'}</bdi>
                  </th>
                  <td class="address">{address}</td>
                  <td class="created">
                    <Age since={created} />
                  </td>
                  <td class="used">
                    <Age since={last_used} />
                  </td>
                  <td class="do">
                    {id === account.currentUser.session ? (
                      <span class="soft">this one</span>
                    ) : (
                      <button
                        type="button"
                        class="quiet small"
                        aria-label={`End the session of ${agent || 'an unknown program'} from ${address}`}
                        onClick={() => void withErrorToast(endSession(id))}
                      >
                        End
                      </button>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
          <SshKeys />
          <p class="soft">
            A lost phone? <a href="enrol">A recovery code</a> sets up another one.
          </p>
        </>
      )}
    </section>
  )
}
