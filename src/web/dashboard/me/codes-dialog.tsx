import { useSignal } from '@preact/signals'
import { ask } from '../api/api.ts'
import { wordsFor } from '../api/http.ts'
import { Copy } from '../parts/copy.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { saveFile } from '../parts/save-file.ts'
import { codeIn } from '../sign-in/code.ts'

/** Ten other recovery codes, for who has the phone at hand. */
export function CodesDialog({ username, close }: { username: string; close: () => void }) {
  const code = useSignal('')
  const problem = useSignal('')
  const codes = useSignal<readonly string[] | undefined>(undefined)
  const submit = async () => {
    problem.value = ''
    try {
      const json = { code: code.peek() }
      const answer = await ask<{ recovery_codes: string[] }>('/user/recovery-codes', { method: 'POST', json })
      codes.value = answer.recovery_codes
    } catch (error) {
      problem.value = wordsFor(error)
    }
  }
  const text = codes.value?.join('\n') ?? ''
  return (
    <Dialog title="New recovery codes" close={close}>
      {codes.value ? (
        <>
          <p>Each of them sets up another phone, once. They are shown now and never again; those before are void.</p>
          <pre class="codes">{text}</pre>
          <div class="actions">
            <Copy text={text} what="the recovery codes" label="Copy" />
            <button
              type="button"
              class="quiet"
              onClick={() => saveFile(`recovery-codes-${username}.txt`, 'text/plain', `${text}\n`)}
            >
              Save
            </button>
            <button type="button" onClick={close}>
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
              onInput={event => (code.value = codeIn(event.currentTarget.value))}
            />
          </label>
          {problem.value && (
            <p class="problem" role="alert">
              {problem}
            </p>
          )}
          <div class="actions">
            <button type="button" class="quiet" onClick={close}>
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
