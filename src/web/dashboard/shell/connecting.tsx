import { session, signOut } from '../api/session.ts'
import { ErrorMessage } from '../components/placeholders.tsx'
import { connectionState, loadError, loadStore } from '../state/store.ts'

/** Shown until the user's group, and so their permissions, are known. */
export function Connecting() {
  if (connectionState.value !== 'lost') {
    return (
      <main class="centered" aria-busy={loadError.value === undefined}>
        {loadError.value ? (
          <ErrorMessage text={loadError.value} onRetry={() => void loadStore()} />
        ) : (
          <p class="muted">Loading the Matrix…</p>
        )}
      </main>
    )
  }
  return (
    <main class="centered">
      <h1>The server cannot be reached</h1>
      <p class="muted">Retrying every few seconds. You are still signed in as {session.value?.username}.</p>
      <button type="button" class="secondary" onClick={() => void signOut()}>
        Sign out
      </button>
    </main>
  )
}
