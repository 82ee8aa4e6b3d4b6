import { useSignal } from '@preact/signals'
import { requestJson } from '../api/client.ts'
import { CopyButton } from '../components/copy-button.tsx'
import { Dialog } from '../components/dialog.tsx'
import { downloadFile } from '../components/download-file.ts'
import { DialogForm } from '../components/form.tsx'
import { CODE_DIGITS, extractCode } from '../sign-in/code.ts'

/** Replaces the user's recovery codes, confirmed by a code from the authenticator app. */
export function RecoveryCodesDialog({ username, onClose }: { username: string; onClose: () => void }) {
  const code = useSignal('')
  const codes = useSignal<readonly string[] | undefined>(undefined)
  const createCodes = async () => {
    const json = { code: code.peek() }
    const response = await requestJson<{ recovery_codes: string[] }>('/user/recovery-codes', { method: 'POST', json })
    codes.value = response.recovery_codes
  }
  return (
    <Dialog title="New recovery codes" onClose={onClose}>
      {codes.value ? (
        <RecoveryCodes username={username} text={codes.value.join('\n')} onClose={onClose} />
      ) : (
        <DialogForm
          action={createCodes}
          submitLabel="Create new codes"
          canSubmit={code.value.length === CODE_DIGITS}
          onCancel={onClose}
        >
          <p>Your current codes stop working. Confirm with a code from your app.</p>
          <label>
            Code from your authenticator app
            <input
              inputMode="numeric"
              autoComplete="one-time-code"
              required
              value={code}
              onInput={event => (code.value = extractCode(event.currentTarget.value))}
            />
          </label>
        </DialogForm>
      )}
    </Dialog>
  )
}

function RecoveryCodes({ username, text, onClose }: { username: string; text: string; onClose: () => void }) {
  return (
    <>
      <p>Each code can set up a new phone, once. They are not shown again. Your previous codes no longer work.</p>
      <pre class="codes">{text}</pre>
      <div class="dialog-actions">
        <CopyButton text={text} description="the recovery codes" label="Copy" />
        <button
          type="button"
          class="secondary"
          onClick={() => downloadFile(`recovery-codes-${username}.txt`, 'text/plain', `${text}\n`)}
        >
          Download
        </button>
        <button type="button" onClick={onClose}>
          I've saved them
        </button>
      </div>
    </>
  )
}
