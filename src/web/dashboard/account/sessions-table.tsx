import { requestJson } from '../api/client.ts'
import { Age } from '../components/age.tsx'
import { showToast, withErrorToast } from '../state/toasts.ts'

export interface ListedSession {
  id: string
  created: string
  last_used: string
  address: string
  agent: string
}

/** @param currentId the session of this tab, which is ended by signing out instead */
export function SessionsTable({
  sessions,
  currentId,
  onEnded,
}: {
  sessions: readonly ListedSession[]
  currentId: string
  onEnded: () => Promise<void>
}) {
  const endSession = async (id: string) => {
    await requestJson(`/user/session/${encodeURIComponent(id)}`, { method: 'DELETE' })
    showToast('Session ended.')
    await onEnded()
  }
  return (
    <table>
      <caption class="visually-hidden">Active sessions, newest first</caption>
      <thead>
        <tr>
          <th>Client</th>
          <th>IP</th>
          <th>Signed in</th>
          <th>Last used</th>
          <th>
            <span class="visually-hidden">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {sessions.map(({ id, agent, address, created, last_used }) => (
          <tr key={id}>
            <th class="name" scope="row">
              <bdi>{agent || 'unknown'}</bdi>
            </th>
            <td class="address">{address}</td>
            <td class="created">
              <Age since={created} withSuffix />
            </td>
            <td class="last-used">
              <Age since={last_used} withSuffix />
            </td>
            <td class="row-actions">
              {id === currentId ? (
                <span class="muted">this session</span>
              ) : (
                <button
                  type="button"
                  class="secondary small"
                  aria-label={`End session of ${agent || 'an unknown client'} from ${address}`}
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
  )
}
