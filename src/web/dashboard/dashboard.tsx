import { computed, useSignalEffect } from '@preact/signals'
import { group, session } from './api/session.ts'
import { Connecting } from './shell/connecting.tsx'
import { Shell } from './shell/shell.tsx'
import { SignIn } from './sign-in/sign-in.tsx'
import { announcement } from './state/announcer.ts'
import { subscribeToEvents } from './state/events.ts'
import { clearStore } from './state/store.ts'

/** Unlike the session, it does not change with every token refresh. */
const username = computed(() => session.value?.username)

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
      <p class="visually-hidden" role="status">
        {announcement}
      </p>
    </>
  )
}
