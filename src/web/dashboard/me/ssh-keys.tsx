import { useSignal } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import { ask } from '../api/api.ts'
import { wordsFor } from '../api/http.ts'
import { Loading, Problem } from '../parts/states.tsx'
import { notify, telling } from '../state/notices.ts'
import { createReading } from '../state/reading.ts'

interface ListedKey {
  id: string
  type: string
  comment: string
  fingerprint: string
}

/** The person's own SSH keys, which are let into the droplets that it adds. */
export function SshKeys() {
  const { value, problem, read, put } = useMemo(() => createReading(() => ask<ListedKey[]>('/user/ssh-keys')), [])
  useEffect(() => void read(), [read])
  const text = useSignal('')
  const refusal = useSignal('')
  const add = async () => {
    refusal.value = ''
    try {
      put(await ask<ListedKey[]>('/user/ssh-keys', { method: 'POST', json: { ssh_key: text.peek() } }))
      text.value = ''
      notify('The key is let into the droplets that you add from now on.')
    } catch (error) {
      refusal.value = wordsFor(error)
    }
  }
  const remove = async (id: string) => {
    put(await ask<ListedKey[]>(`/user/ssh-key/${encodeURIComponent(id)}`, { method: 'DELETE' }))
    notify('That key is forgotten. Droplets that have it keep it.')
  }
  return (
    <section>
      <h2>Your SSH keys</h2>
      <p class="soft">They open every droplet that you add from now on.</p>
      {problem.value && <Problem text={problem.value} retry={() => void read()} />}
      {!value.value && !problem.value && <Loading what="your keys" />}
      {value.value && value.value.length > 0 && (
        <ul class="ssh-keys">
          {value.value.map(({ id, type, comment, fingerprint }) => (
            <li key={id}>
              <span>
                <strong>
                  <bdi>{comment || type}</bdi>
                </strong>{' '}
                <code>{fingerprint}</code>
              </span>
              <button
                type="button"
                class="quiet small"
                aria-label={`Forget the key ${comment || fingerprint}`}
                onClick={() => void telling(remove(id))}
              >
                Forget
              </button>
            </li>
          ))}
        </ul>
      )}
      <form
        onSubmit={event => {
          event.preventDefault()
          void add()
        }}
      >
        <label>
          Another public key
          <textarea
            rows={2}
            required
            spellcheck={false}
            placeholder="ssh-ed25519 AAAA… you@laptop"
            value={text}
            onInput={event => (text.value = event.currentTarget.value)}
          />
        </label>
        {refusal.value && (
          <p class="problem" role="alert">
            {refusal}
          </p>
        )}
        <button type="submit" class="quiet">
          Add the key
        </button>
      </form>
    </section>
  )
}
