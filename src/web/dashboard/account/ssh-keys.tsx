import { useSignal } from '@preact/signals'
import { requestJson } from '../api/client.ts'
import { Form } from '../components/form.tsx'
import { ResourceStatus } from '../components/placeholders.tsx'
import { useResource } from '../state/resource.ts'
import { useSubmit } from '../state/submit.ts'
import { showToast, withErrorToast } from '../state/toasts.ts'

interface SshKey {
  id: string
  type: string
  comment: string
  fingerprint: string
}

/** The user's SSH keys, which are installed in every droplet that the user adds. */
export function SshKeys() {
  const resource = useResource(() => requestJson<SshKey[]>('/user/ssh-keys'))
  const { data, setData } = resource
  const keyText = useSignal('')
  const submission = useSubmit(async () => {
    setData(await requestJson<SshKey[]>('/user/ssh-keys', { method: 'POST', json: { ssh_key: keyText.peek() } }))
    keyText.value = ''
    showToast('Key added. It works in droplets that you add from now on.')
  })
  const remove = async (id: string) => {
    setData(await requestJson<SshKey[]>(`/user/ssh-key/${encodeURIComponent(id)}`, { method: 'DELETE' }))
    showToast('Key removed. Existing droplets still accept it.')
  }
  return (
    <section>
      <h2>SSH keys</h2>
      <p class="muted">These keys can log in to every droplet that you add from now on.</p>
      <ResourceStatus resource={resource} label="SSH keys" />
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
                class="secondary small"
                aria-label={`Remove key ${comment || fingerprint}`}
                onClick={() => void withErrorToast(remove(id))}
              >
                Remove
              </button>
            </li>
          ))}
        </ul>
      )}
      <Form
        submission={submission}
        actions={
          <button type="submit" class="secondary" disabled={submission.isSubmitting.value}>
            Add key
          </button>
        }
      >
        <label>
          Public key
          <textarea
            rows={2}
            required
            spellcheck={false}
            placeholder="ssh-ed25519 AAAA… you@laptop"
            value={keyText}
            onInput={event => (keyText.value = event.currentTarget.value)}
          />
        </label>
      </Form>
    </section>
  )
}
