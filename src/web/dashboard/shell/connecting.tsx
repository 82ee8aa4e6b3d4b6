import { session, signOut } from '../api/session.ts'
import { ErrorMessage } from '../components/placeholders.tsx'
import { connectionState, loadError, loadStore } from '../state/store.ts'

/** Until the server has said what the person may see. */
export function Connecting() {
  if (connectionState.value !== 'lost') {
    return (
      <main class="opening" aria-busy={loadError.value === undefined}>
        {loadError.value ? (
          <ErrorMessage text={loadError.value} onRetry={() => void loadStore()} />
        ) : (
          <p class="soft">Opening the Matrix…</p>
        )}
      </main>
    )
  }
  return (
    <main class="opening">
      <h1>The server cannot be reached</h1>
      <p class="soft">It is tried again every few seconds. You are still signed in as {session.value?.username}.</p>
      <button type="button" class="quiet" onClick={() => void signOut()}>
        Sign out
      </button>
    </main>
  )
}
