import { useSignal } from '@preact/signals'
import { errorMessage } from '../../../core/error-message.ts'
import { requestJson } from '../api/client.ts'
import { CopyButton } from '../components/copy-button.tsx'
import { Dialog } from '../components/dialog.tsx'
import { downloadFile } from '../components/download-file.ts'
import { extractCode } from '../sign-in/code.ts'

/** Ten other recovery codes, for who has the phone at hand. */
export function RecoveryCodesDialog({ username, onClose }: { username: string; onClose: () => void }) {
  const code = useSignal('')
  const errorText = useSignal('')
  const codes = useSignal<readonly string[] | undefined>(undefined)
  const submit = async () => {
    errorText.value = ''
    try {
      const json = { code: code.peek() }
      const response = await requestJson<{ recovery_codes: string[] }>('/user/recovery-codes', { method: 'POST', json })
      codes.value = response.recovery_codes
    } catch (error) {
      errorText.value = errorMessage(error)
    }
  }
  const text = codes.value?.join('\n') ?? ''
  return (
    <Dialog title="New recovery codes" onClose={onClose}>
      {codes.value ? (
        <>
          <p>Each of them sets up another phone, once. They are shown now and never again; those before are void.</p>
          <pre class="codes">{text}</pre>
          <div class="actions">
            <CopyButton text={text} description="the recovery codes" label="Copy" />
            <button
              type="button"
              class="quiet"
              onClick={() => downloadFile(`recovery-codes-${username}.txt`, 'text/plain', `${text}\n`)}
            >
              Save
            </button>
            <button type="button" onClick={onClose}>
              I have kept them
            </button>
          </div>
        </>
      ) : (
        <form
          onSubmit={event => {
            event.preventDefault()
            void submit()
          }}
        >
          <p>Those that you have become void. The code of your phone says that it is you.</p>
          <label>
            Code from your phone
            <input
              inputMode="numeric"
              autoComplete="one-time-code"
              required
              value={code}
              onInput={event => (code.value = extractCode(event.currentTarget.value))}
            />
          </label>
          {errorText.value && (
            <p class="problem" role="alert">
              {errorText}
            </p>
          )}
          <div class="actions">
            <button type="button" class="quiet" onClick={onClose}>
              Cancel
            </button>
            <button type="submit" disabled={code.value.length !== 6}>
              Make new codes
            </button>
          </div>
        </form>
      )}
    </Dialog>
  )
}
