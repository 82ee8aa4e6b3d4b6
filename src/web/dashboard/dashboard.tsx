import { computed, useSignalEffect } from '@preact/signals'
import { group, session } from './api/session.ts'
import { Connecting } from './shell/connecting.tsx'
import { Shell } from './shell/shell.tsx'
import { SignIn } from './sign-in/sign-in.tsx'
import { announcement } from './state/announcer.ts'
import { clearStore, subscribeToEvents } from './state/store.ts'

/** The person, not the tokens, which change every few minutes. */
const username = computed(() => session.value?.username)

/** All of it: who is signed in sees the Matrix, who is not is asked to. */
export function Dashboard() {
  useSignalEffect(() => {
    if (!username.value) return
    const controller = new AbortController()
    void subscribeToEvents(controller.signal)
    return () => {
      controller.abort()
      clearStore()
    }
  })
  return (
    <>
      {session.value === undefined ? null : session.value === null ? (
        <SignIn />
      ) : group.value ? (
        <Shell />
      ) : (
        <Connecting />
      )}
      <p class="unseen" role="status">
        {announcement}
      </p>
    </>
  )
}
