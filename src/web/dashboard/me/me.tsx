import { useSignal } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import { ask } from '../api/api.ts'
import { session, signOut } from '../api/session.ts'
import { Age } from '../parts/age.tsx'
import { Loading, Problem } from '../parts/states.tsx'
import { notify, telling } from '../state/notices.ts'
import { createReading } from '../state/reading.ts'
import { CodesDialog } from './codes-dialog.tsx'
import './me.css'
import { SshKeys } from './ssh-keys.tsx'

interface Who {
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
export function Me(_: { parts: readonly string[] }) {
  const username = session.value?.username ?? ''
  const path = encodeURIComponent(username)
  const { value, problem, read } = useMemo(
    () =>
      createReading(async () => {
        const [who, sessions] = await Promise.all([
          ask<Who>('/user/me'),
          ask<ListedSession[]>(`/user/sessions/${path}`),
        ])
        return { who, sessions: sessions.toReversed() }
      }),
    [path],
  )
  useEffect(() => void read(), [read])
  const endSession = async (id: string) => {
    await ask(`/user/session/${encodeURIComponent(id)}`, { method: 'DELETE' })
    notify('That session has ended.')
    await read()
  }
  const isRenewing = useSignal(false)
  const known = value.value
  return (
    <section class="me">
      <header class="head">
        <h1>{username}</h1>
        <button type="button" class="quiet" onClick={() => void signOut()}>
          Sign out
        </button>
      </header>
      {isRenewing.value && (
        <CodesDialog
          username={username}
          close={() => {
            isRenewing.value = false
            void read()
          }}
        />
      )}
      {problem.value && <Problem text={problem.value} retry={() => void read()} />}
      {!known && !problem.value && <Loading what="your sessions" />}
      {known && (
        <>
          <dl class="facts">
            <div>
              <dt>Group</dt>
              <dd>{known.who.group}</dd>
            </div>
            <div>
              <dt>Recovery codes left</dt>
              <dd>
                {known.who.recovery_codes_left}
                {known.who.recovery_codes_left < 3 && ' · make new ones soon'}{' '}
                <button type="button" class="quiet small" onClick={() => (isRenewing.value = true)}>
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
              {known.sessions.map(({ id, agent, address, created, last_used }) => (
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
                    {id === known.who.session ? (
                      <span class="soft">this one</span>
                    ) : (
                      <button
                        type="button"
                        class="quiet small"
                        aria-label={`End the session of ${agent || 'an unknown program'} from ${address}`}
                        onClick={() => void telling(endSession(id))}
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
