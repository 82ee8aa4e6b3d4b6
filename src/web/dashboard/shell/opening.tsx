import { session, signOut } from '../api/session.ts'
import { Problem } from '../parts/states.tsx'
import { link, readMatrix, trouble } from '../state/matrix.ts'

/** Until the server has said what the person may see. */
export function Opening() {
  if (link.value !== 'lost') {
    return (
      <main class="opening" aria-busy={trouble.value === undefined}>
        {trouble.value ? (
          <Problem text={trouble.value} retry={() => void readMatrix()} />
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
