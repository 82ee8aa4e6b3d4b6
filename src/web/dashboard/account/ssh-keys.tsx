import { useSignal } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import { errorMessage } from '../../../core/error-message.ts'
import { requestJson } from '../api/client.ts'
import { ErrorMessage, Loading } from '../components/placeholders.tsx'
import { createResource } from '../state/resource.ts'
import { showToast, withErrorToast } from '../state/toasts.ts'

interface SshKey {
  id: string
  type: string
  comment: string
  fingerprint: string
}

/** The person's own SSH keys, which are let into the droplets that it adds. */
export function SshKeys() {
  const { data, errorText, load, setData } = useMemo(
    () => createResource(() => requestJson<SshKey[]>('/user/ssh-keys')),
    [],
  )
  useEffect(() => void load(), [load])
  const keyText = useSignal('')
  const addError = useSignal('')
  const add = async () => {
    addError.value = ''
    try {
      setData(await requestJson<SshKey[]>('/user/ssh-keys', { method: 'POST', json: { ssh_key: keyText.peek() } }))
      keyText.value = ''
      showToast('The key is let into the droplets that you add from now on.')
    } catch (error) {
      addError.value = errorMessage(error)
    }
  }
  const remove = async (id: string) => {
    setData(await requestJson<SshKey[]>(`/user/ssh-key/${encodeURIComponent(id)}`, { method: 'DELETE' }))
    showToast('That key is forgotten. Droplets that have it keep it.')
  }
  return (
    <section>
      <h2>Your SSH keys</h2>
      <p class="soft">They open every droplet that you add from now on.</p>
      {errorText.value && <ErrorMessage text={errorText.value} onRetry={() => void load()} />}
      {!data.value && !errorText.value && <Loading label="your keys" />}
      {data.value && data.value.length > 0 && (
        <ul class="ssh-keys">
          {data.value.map(({ id, type, comment, fingerprint }) => (
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
                onClick={() => void withErrorToast(remove(id))}
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
            value={keyText}
            onInput={event => (keyText.value = event.currentTarget.value)}
          />
        </label>
        {addError.value && (
          <p class="problem" role="alert">
            {addError}
          </p>
        )}
        <button type="submit" class="quiet">
          Add the key
        </button>
      </form>
    </section>
  )
}
